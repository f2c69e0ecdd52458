// Package dossier is the vocabulary that the whole program shares: what an item is, which
// client it belongs to, what it holds, and why it is not shown. It has no behaviour beyond
// that and imports nothing of the module, so a source can be written without a database.
package dossier
