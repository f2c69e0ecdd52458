package config

import _ "embed"

//go:embed example.yaml
var example string

// Example returns a complete configuration file with an explanation of every
// key, for people to start from.
func Example() []byte { return []byte(example) }
