// Package answer holds what operators ask, each answered once: the command line,
// the operators' API and the console say the same in their own forms. How does a
// tenant fare, and how has it fared at each slot; how far is a run; what does one
// dossier show, to whom, and why nothing else.
//
// It tells no names of people, and nothing that is written in a dossier.
package operate
