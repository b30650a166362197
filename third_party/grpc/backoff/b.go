package backoff

type Config struct{}

var DefaultConfig Config
