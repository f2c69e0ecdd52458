package fhir

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // some servers write it into Attachment.hash
	"crypto/sha1" //nolint:gosec // FHIR R4 has it for Attachment.hash
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"dossiersync/store/dossier"
)

// verify compares b with the size and the hash that v, an Attachment, claims (FHIR R4 §2.24.1.1: the
// size and the SHA-1 of the bytes). Sizes and hashes of the base64, other hashes and hashes in hex
// occur; one form that matches is enough. A hash in a form that is not known proves nothing. A text
// that may be half of one is not shown.
func verify(v value, b []byte) {
	packed := []byte(base64.StdEncoding.EncodeToString(b))
	written := []byte(v.get("data").str())
	if size, ok := sizeOf(v); ok && size != int64(len(b)) && size != int64(len(packed)) &&
		size != int64(base64.RawStdEncoding.EncodedLen(len(b))) && size != int64(len(written)) {
		v.get("size").fault(dossier.BadBody, "not the size of the data")
	}
	hash := v.get("hash")
	if !hash.ok() {
		return
	}
	known := false
	for _, want := range hashForms(hash.str()) {
		for _, of := range [...][]byte{b, packed, written} {
			have := digestOf(of, len(want))
			known = known || have != nil
			if have != nil && bytes.Equal(have, want) {
				return
			}
		}
	}
	if known {
		hash.fault(dossier.BadBody, "not the hash of the data")
	}
}

// hashForms returns what s may stand for: bytes in base64, in hex, or in hex in base64.
func hashForms(s string) [][]byte {
	s = strings.TrimSpace(s)
	if _, rest, ok := strings.Cut(s, ":"); ok {
		s = rest // the name of the algorithm
	}
	if b, err := hex.DecodeString(s); err == nil {
		return [][]byte{b}
	}
	b, ok := decodeBase64(s)
	if !ok {
		return nil
	}
	if inner, err := hex.DecodeString(strings.TrimSpace(string(b))); err == nil && len(inner) > 0 {
		return [][]byte{inner}
	}
	return [][]byte{b}
}

// digestOf returns the digest of b that is so long, nil if there is none.
func digestOf(b []byte, length int) []byte {
	switch length {
	case md5.Size:
		sum := md5.Sum(b) //nolint:gosec // as above
		return sum[:]
	case sha1.Size:
		sum := sha1.Sum(b) //nolint:gosec // as above
		return sum[:]
	case sha256.Size:
		sum := sha256.Sum256(b)
		return sum[:]
	case sha512.Size384:
		sum := sha512.Sum384(b)
		return sum[:]
	case sha512.Size:
		sum := sha512.Sum512(b)
		return sum[:]
	}
	return nil
}
