package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErasureKey is the key of the digests that stand for erased clients. Clients' ids are short: without a
// key, a reader of a digest could try all ids. The database keeps the key to recognise an erased client
// who comes again; a file beside the erasures file keeps it for a database that is older than the key.
//
// The key hides who was erased from a reader of the erasures file. It hides nothing from a reader who
// also has the key, or a whole copy of the database.
type ErasureKey [32]byte

// NewErasureKey returns a random key.
func NewErasureKey() ErasureKey {
	var k ErasureKey
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// ParseErasureKey is the inverse of String.
func ParseErasureKey(s string) (ErasureKey, error) {
	var k ErasureKey
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, errors.New("an erasure key is 32 bytes in base64")
	}
	return ErasureKey(b), nil
}

// String returns the key in base64.
func (k ErasureKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// ID returns a name of the key that does not reveal the key.
func (k ErasureKey) ID() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:6])
}

// Digest returns the digest that stands for an erased client. It is enough to keep the dossier from
// being stored again, and to erase it again after a backup was restored.
func (k ErasureKey) Digest(tenant, client string) []byte {
	h := sha256.New()
	for _, s := range [...]string{"erasure", tenant, client} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return k.over(h.Sum(nil))
}

// over turns the digest of a version without keys into a digest under the key, as function
// erased_among does.
func (k ErasureKey) over(plain []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(plain)
	return h.Sum(nil)
}

// WithholdingKey seals clients' ids in the record of what is withheld, which outlives the database. It
// is made of an [ErasureKey], which it does not reveal.
type WithholdingKey struct {
	ID  string // of the erasure key
	key []byte
}

// Withholding returns the key that is made of k.
func (k ErasureKey) Withholding() WithholdingKey {
	return WithholdingKey{k.ID(), k.over([]byte("withheld"))}
}

// WithholdingKey returns the key for new records.
func (s *Store) WithholdingKey(ctx context.Context) (k WithholdingKey, err error) {
	const q = `SELECT id, key FROM withholding_key()`
	if err := s.pool.QueryRow(ctx, q).Scan(&k.ID, &k.key); err != nil {
		return k, fmt.Errorf("read the key of what is withheld: %w", err)
	}
	return k, nil
}

// Seal encrypts a client's id.
func (k WithholdingKey) Seal(tenant, client string) []byte {
	box := k.box()
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return box.Seal(nonce, nonce, []byte(client), []byte(tenant))
}

// Open is the inverse of Seal.
func (k WithholdingKey) Open(tenant string, sealed []byte) (client string, err error) {
	box := k.box()
	if len(sealed) < box.NonceSize() {
		return "", errors.New("it is too short")
	}
	text, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], []byte(tenant))
	return string(text), err
}

func (k WithholdingKey) box() cipher.AEAD {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the block has 16 bytes
	}
	return box
}

// ErrNotAllowed reports that the process has logged in as a role that may not do this.
var ErrNotAllowed = errors.New("the log-in may not do this")

// ErasureKeys returns the keys that the database knows. The first is for new erasures. It fails with
// [ErrNotAllowed] for the log-in of the operators' listener.
func (s *Store) ErasureKeys(ctx context.Context) ([]ErasureKey, error) {
	const q = `
		SELECT key
		FROM erasure_keys
		ORDER BY since DESC, key`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the keys of erasures: %w", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ErasureKey, error) {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return ErasureKey{}, err
		}
		return ErasureKey(b), nil // the table holds no other length
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" { // insufficient_privilege
		err = ErrNotAllowed
	}
	if err == nil && len(keys) == 0 {
		err = errors.New("there are none: they were removed by hand")
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys of erasures: %w", err)
	}
	return keys, nil
}

// learnErasureKeys stores keys, so that digests under them count too.
func (s *Store) learnErasureKeys(ctx context.Context, keys []ErasureKey) error {
	const q = `
		INSERT INTO erasure_keys (key)
		VALUES (@key)
		ON CONFLICT DO NOTHING`
	for _, k := range keys {
		if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"key": k[:]}); err != nil {
			return fmt.Errorf("store a key of erasures: %w", err)
		}
	}
	return nil
}
