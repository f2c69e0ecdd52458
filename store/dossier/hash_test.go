package dossier_test

import (
	"testing"

	"dossiersync/store/dossier"
)

func TestMixedHashDependsOnBothAndTheirOrder(t *testing.T) {
	t.Parallel()
	a, b := dossier.IdentityHash("a", ""), dossier.IdentityHash("b", "")
	mixed := a.Mix(b)
	for name, other := range map[string]dossier.Hash{
		"the first alone": a, "the second alone": b, "the other order": b.Mix(a), "mixed twice": mixed.Mix(b),
	} {
		if other == mixed {
			t.Errorf("the digest of both equals %s", name)
		}
	}
	if again := a.Mix(b); again != mixed {
		t.Errorf("mixed to %x, then to %x", mixed, again)
	}
}
