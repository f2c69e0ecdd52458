// Package dossier is the vocabulary that the whole program shares: what an item
// is, who it belongs to, what it holds, and why it is not shown. It holds no
// behaviour beyond that, and imports nothing of the module, so that a source can
// be written without a database.
package dossier
