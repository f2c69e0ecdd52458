//go:build race

package acceptance

// raceFlag builds the program as the tests are built.
var raceFlag = []string{"-race"}
