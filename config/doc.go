// Package config reads the one YAML file that dossiersync is configured with
// into a [Config] in which nothing is left to check: every value is typed,
// within its bounds, and filled in with its default.
//
// # Faults
//
// A file is either right or refused, and a refusal names everything that is
// wrong with it at once, as [Faults]: an operator corrects a file in one go,
// not in twenty restarts. Each fault says where (file, line, column, key) and
// what to do. Only where YAML itself cannot be read does the first fault hide
// the rest. What is allowed but unwise is in Config.Warnings instead.
//
// Keys that are not known, keys given twice, a second YAML document and a
// value of the wrong kind are faults. So is a key that is there without a
// value: `token:` with nothing behind it is more often a template gone wrong
// than a wish for the default. A section of which everything is commented out
// counts as left out.
//
// # The environment and secrets
//
// ${NAME} anywhere in a value is replaced by that environment variable, after
// the YAML has been read, so that nothing in the variable can change the shape
// of the file. An unset variable is a fault; $${ stands for a literal ${. Keys
// are never expanded.
//
// Every secret can be given in place (by ${NAME}) or as a file, under the same
// key with _file behind it. Files are opened here only to find out whether
// they are there; [Credential.Read] reads them again whenever it is asked, so
// that a secret can be replaced while dossiersync runs. No fault or warning
// shows a secret, or anything else that came from the environment; a printed
// Config has *** for every secret.
//
// # Paths
//
// Relative paths count from the folder that the configuration file is in,
// never from the folder that the program was started in: the service manager,
// an operator's shell and a container then all mean the same file.
//
// # Anchors
//
// A value may be an alias (*name) of an anchored one (&name); faults inside it
// point at the anchor's lines. Merge keys (<<) are refused. How much aliases
// may add up to is bounded.
package config
