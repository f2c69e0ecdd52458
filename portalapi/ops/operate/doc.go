// Package operate answers the operators' questions, each once: the command line,
// the operators' API and the console say the same in their own forms. How is a
// tenant doing, and how did it do at each slot? How far is a run? What does one
// dossier show, to whom, and why nothing else?
//
// The answers hold no names of people, and no text of a dossier.
package operate
