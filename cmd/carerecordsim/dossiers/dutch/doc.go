// Package dutch writes the Dutch of fictional dossiers: reports, documents,
// goals and names, from the text files beside it. What it writes depends only
// on the random source it is given.
package dutch
