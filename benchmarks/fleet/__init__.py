"""Fleet test: workers of one shared journal that are killed and stopped, amid crashes."""
