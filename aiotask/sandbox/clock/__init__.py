"""Virtual time: clock, timers and rate windows."""
