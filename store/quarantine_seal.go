package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A Sealer encrypts the raw bytes of quarantined items with AES-256-GCM. Sealed bytes open
// only for the item for which they were sealed, so they cannot be moved to another row.
type Sealer struct {
	aead cipher.AEAD
	id   [4]byte // identifies the key without revealing it
}

// KeySize is the length of a [Sealer]'s key in bytes.
const KeySize = 32

// MaxRaw is the size in bytes up to which a quarantined item's bytes are kept (I12).
const MaxRaw = 1 << 20

// sealFormat is the first sealed byte; another format would have another number.
const sealFormat = 1

var (
	// ErrOtherKey is returned for bytes that were encrypted with another key.
	ErrOtherKey = errors.New("the raw bytes were encrypted with another key")
	// ErrNotItsBytes is returned for bytes that were changed, or belong to another item.
	ErrNotItsBytes = errors.New("the raw bytes are not those that were kept of this item")
)

// NewSealer returns a Sealer with the key. It fails unless the key has [KeySize] bytes.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the quarantine's key: %w", err)
	}
	s := &Sealer{}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("use the quarantine's key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("dossiersync quarantine key\x00"), key...))
	copy(s.id[:], sum[:])
	return s, nil
}

// seal encrypts raw for the tenant's item of that key. It returns nil if s is nil, or if raw
// is empty or larger than [MaxRaw].
func (s *Sealer) seal(tenant, key string, raw []byte) []byte {
	if s == nil || len(raw) == 0 || len(raw) > MaxRaw {
		return nil
	}
	head := s.head()
	sealed := s.aead.Seal(nil, nil, raw, boundTo(head, tenant, key)) //nolint:gosec // G407: this AEAD makes a random nonce
	return append(head, sealed...)
}

// open decrypts sealed bytes. It fails with [ErrOtherKey] or [ErrNotItsBytes].
func (s *Sealer) open(tenant, key string, sealed []byte) ([]byte, error) {
	head := s.head()
	switch {
	case len(sealed) < len(head) || sealed[0] != sealFormat:
		return nil, ErrNotItsBytes
	case [4]byte(sealed[1:len(head)]) != s.id:
		return nil, ErrOtherKey
	}
	raw, err := s.aead.Open(nil, nil, sealed[len(head):], boundTo(head, tenant, key))
	if err != nil {
		return nil, ErrNotItsBytes
	}
	return raw, nil
}

func (s *Sealer) head() []byte { return append([]byte{sealFormat}, s.id[:]...) }

// boundTo returns the associated data of sealed bytes. It differs for any two rows, because
// neither tenants nor keys hold U+0000.
func boundTo(head []byte, tenant, key string) []byte {
	return fmt.Appendf(nil, "%s%s\x00%s", head, tenant, key)
}

// WithSealer returns a handle on the same connections that keeps the raw bytes of quarantined
// items, sealed by k; with nil it keeps none.
func (s *Store) WithSealer(k *Sealer) *Store {
	with := *s
	with.sealer = k
	return &with
}
