// Package config reads the one YAML file that dossiersync is configured with
// into a [Config] in which nothing is left to check: every value is typed,
// within its bounds, and filled in with its default.
//
// # Faults
//
// A file is either accepted or refused with all its [Faults] at once, so that an
// operator mends it in one go. Each fault has its place (file, line, column, key) and
// says what to do. Only if the YAML itself cannot be read, the first fault hides the
// rest. What is allowed but unwise is in Config.Warnings instead.
//
// Unknown keys, keys given twice, a second YAML document and values of the wrong kind
// are faults. So is a key without a value: `token:` alone is more often a template gone
// wrong than a wish for the default. A section whose keys are all commented out counts
// as left out.
//
// Each section is read by one method on value, which stands under the section's type.
// It reads every key by name, with its type, its default and what to say if it is
// missing. The same methods make the JSON Schema for editors (see [Schema]), so the
// schema cannot differ from what is read.
//
// # The environment and secrets
//
// ${NAME} anywhere in a value is replaced by that environment variable. This happens
// after the YAML has been read, so that a variable cannot change the structure of the
// file. An unset variable is a fault; $${ stands for a literal ${. Keys are not
// expanded.
//
// Every secret can be given in place (by ${NAME}) or as a file, under the same key with
// _file added. Files are opened here only to check that they can be read;
// [Credential.Read] reads them again each time, so that a secret can be replaced while
// dossiersync runs. No fault or warning shows a secret or anything else from the
// environment, and a printed Config has *** for every secret.
//
// # Paths
//
// Relative paths start from the folder of the configuration file, not from the folder
// in which the program was started, so that they mean the same file to the service
// manager, an operator's shell and a container.
//
// # Anchors
//
// A value may be an alias (*name) of an anchored one (&name); faults inside it
// point at the anchor's lines. Merge keys (<<) are refused. The number of values with
// all aliases followed is bounded.
package config
