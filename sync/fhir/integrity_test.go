package fhir

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"dossiersync/store/dossier"
)

func TestHashesAndSizesInKnownForms(t *testing.T) { // case 15
	t.Parallel()
	digests := func(b []byte) map[string][]byte {
		a, c, d, e := sha1.Sum(b), sha256.Sum256(b), md5.Sum(b), sha512.Sum512(b)
		return map[string][]byte{"sha1": a[:], "sha256": c[:], "md5": d[:], "sha512": e[:]}
	}
	forms := map[string]func([]byte) string{
		"base64": base64.StdEncoding.EncodeToString, "url": base64.RawURLEncoding.EncodeToString, "hex": hex.EncodeToString,
		"HEX":           func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"base64 of hex": func(b []byte) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(b))) },
	}
	packed := []byte(base64.StdEncoding.EncodeToString([]byte("tekst")))
	state := func(more string) dossier.State {
		return mapOne(t, Mapping{}, with(t, document, content(inline("text/plain", "tekst", more))...)).State
	}
	for _, of := range [][]byte{[]byte("tekst"), packed, []byte("anders")} {
		want := dossier.StateShown
		if string(of) == "anders" {
			want = dossier.StateQuarantined
		}
		for algorithm, sum := range digests(of) {
			for form, write := range forms {
				if got := state(fmt.Sprintf(`,"hash":%q`, write(sum))); got != want {
					t.Errorf("%s of %s in %s: got %s, want %s", algorithm, of, form, got, want)
				}
			}
		}
	}
	for more, want := range map[string]dossier.State{
		`,"hash":"AAAA"`: dossier.StateShown, `,"hash":"geen idee"`: dossier.StateShown, `,"hash":""`: dossier.StateShown,
		`,"size":5`: dossier.StateShown, `,"size":8`: dossier.StateShown, `,"size":7`: dossier.StateShown, `,"size":4`: dossier.StateQuarantined,
		`,"size":"5"`: dossier.StateShown,
	} {
		if got := state(more); got != want {
			t.Errorf("%s: got %s, want %s", more, got, want)
		}
	}
}
