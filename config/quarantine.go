package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
)

// Quarantine is how items that could not be applied are kept.
type Quarantine struct {
	// Key encrypts the raw bytes of quarantined items. Zero: no bytes are kept, and a
	// retry fetches the item again by its id.
	Key Credential
}

func (v value) quarantine() Quarantine {
	s := v.section()
	defer s.end()
	return Quarantine{Key: s.credential("key")}
}

// keyBytes is the length of a key (AES-256).
const keyBytes = 32

// ReadKey returns the key's 32 bytes, or nil if no key is configured. The key is
// written in base64; a file may hold the bytes themselves.
func (q Quarantine) ReadKey() ([]byte, error) {
	if q.Key.IsZero() {
		return nil, nil
	}
	text := []byte(q.Key.Value)
	if q.Key.File != "" {
		var err error
		if text, err = os.ReadFile(q.Key.File); err != nil {
			return nil, fmt.Errorf("read quarantine.key_file: %w", err)
		}
		if len(text) == keyBytes {
			return text, nil
		}
	}
	text = bytes.TrimRight(bytes.TrimSpace(text), "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(string(text)); err == nil && len(key) == keyBytes {
			return key, nil
		}
	}
	return nil, errors.New("quarantine.key is not a key of 32 bytes in base64; make one: dossiersync quarantine key > FILE")
}
