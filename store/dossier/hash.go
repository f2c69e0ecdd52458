package dossier

import "crypto/sha256"

// Hash is a digest of an item's body and of the rules by which it was mapped.
type Hash [16]byte

// Mix returns a digest of h and o, in that order. Mixing the same digest twice differs from
// mixing it once: callers mix into hashes that they own.
func (h Hash) Mix(o Hash) Hash {
	sum := sha256.Sum256(append(h[:], o[:]...))
	return Hash(sum[:16])
}

// IdentityHash returns a digest of typ and id that distinguishes the records of one tenant.
func IdentityHash(typ, id string) Hash {
	h := sha256.New()
	h.Write([]byte(typ))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return Hash(h.Sum(nil)[:16])
}
