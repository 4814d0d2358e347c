"""Virtual time: timers, alarms and rate windows."""
