package store

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ProofKeys are the portal API's secret. With every call of a function of the database the portal API
// sends a proof, an HMAC-SHA-256 of the purpose, tenant, user, client and minute, under a key that is
// derived for the tenant. Without it, the password of the portal's role opens nothing. The database
// keeps the derived keys ([Store.PutProofKeys]); function proof_mac checks a proof. ProofKeys are safe
// for concurrent use.
type ProofKeys struct {
	masters [][]byte
	derived sync.Map // *tenantKey by tenant: the one that proofs are made with
}

// The purposes of a proof.
const (
	purposeRead   = "read"
	purposeGrants = "grants"
	purposeLog    = "log"
)

// proofKeyBytes is the length of a key.
const proofKeyBytes = 32

// tenantKey is the key of a tenant's proofs.
type tenantKey struct {
	id  []byte // in the database: 8 bytes of a digest of key
	key []byte
}

// NewProofKeys returns a new random key.
func NewProofKeys() *ProofKeys {
	key := make([]byte, proofKeyBytes)
	rand.Read(key) // never fails
	return &ProofKeys{masters: [][]byte{key}}
}

// ParseProofKeys reads keys from the text of a key file: a key in base64 on each line. Proofs are made
// with the first key; the database accepts those of the others too, so that a key can be replaced
// while processes still use the old one.
func ParseProofKeys(text string) (*ProofKeys, error) {
	var k ProofKeys
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(line, "="))
		if err != nil || len(key) != proofKeyBytes {
			return nil, errors.New("a line is not a key: 32 bytes in base64")
		}
		k.masters = append(k.masters, key)
	}
	if len(k.masters) == 0 {
		return nil, errors.New("there is no key in it: it must have 32 bytes in base64 on a line")
	}
	return &k, nil
}

// String returns the text of a key file.
func (k *ProofKeys) text() string {
	var b strings.Builder
	b.WriteString("# The portal API proves with this key that it is the one who asks: see docs/security.md.\n")
	for _, key := range k.masters {
		b.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	}
	return b.String()
}

// ReadProofKeys reads a key file. It fails with [fs.ErrNotExist] if there is none.
func ReadProofKeys(path string) (*ProofKeys, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k, err := ParseProofKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// EnsureProofKeys reads a key file, and makes one with a new key if there is none. Of several processes
// at once, all get the same key.
func EnsureProofKeys(path string) (*ProofKeys, error) {
	k, err := ReadProofKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, NewProofKeys().text())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	// Unlike a rename, a link fails where another process was first.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return ReadProofKeys(path)
}

// derive returns the tenant's key under a master key.
func derive(master []byte, tenant string) *tenantKey {
	mac := hmac.New(sha256.New, master)
	mac.Write([]byte("dossiersync portal proof v1 " + tenant))
	key := mac.Sum(nil)
	id := sha256.Sum256(append([]byte("dossiersync portal proof key id "), key...))
	return &tenantKey{id: id[:8], key: key}
}

// pads returns the key in the form in which the database keeps it (RFC 2104).
func (k *tenantKey) pads() (inner, outer []byte) {
	inner, outer = make([]byte, sha256.BlockSize), make([]byte, sha256.BlockSize)
	copy(inner, k.key)
	copy(outer, k.key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return inner, outer
}

// proof is what the portal API sends with a call.
type proof struct {
	minute int64
	mac    []byte // the key's id and the MAC
}

// separator is between the fields of a proof's message (U+001F). No field may hold it.
const separator = "\x1f"

// prove returns a proof for one call, made at now. Its message is that of function proof_mac.
func (k *ProofKeys) prove(purpose string, id Identity, client string, now time.Time) proof {
	var key *tenantKey
	if known, ok := k.derived.Load(id.Tenant); ok {
		key = known.(*tenantKey)
	} else {
		key = derive(k.masters[0], id.Tenant)
		k.derived.Store(id.Tenant, key)
	}
	p := proof{minute: now.Unix() / 60}
	mac := hmac.New(sha256.New, key.key)
	message := make([]byte, 0, 256)
	message = append(message, "dossiersync proof 1"...)
	for _, field := range []string{purpose, id.Tenant, id.User, client} {
		if strings.Contains(field, separator) {
			return p // no proof: the fields could be read as others
		}
		message = append(append(message, separator...), field...)
	}
	message = strconv.AppendInt(append(message, separator...), p.minute, 10)
	mac.Write(message)
	p.mac = mac.Sum(append(make([]byte, 0, 8+sha256.Size), key.id...))
	return p
}
