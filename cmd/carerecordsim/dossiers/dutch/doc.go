// Package dutch writes the Dutch texts of fictional dossiers: reports, documents, goals
// and names, from the text files beside it. The texts depend only on the random source.
package dutch
