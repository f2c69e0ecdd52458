package config

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Secret is a string that prints as ***, in logs, errors and encodings alike. Convert
// it with string(s) where it is used, and nowhere else.
type Secret string

const masked = "***"

// String implements fmt.Stringer; it returns ***.
func (Secret) String() string { return masked }

// GoString implements fmt.GoStringer; it returns ***.
func (Secret) GoString() string { return masked }

// MarshalText implements encoding.TextMarshaler; it returns ***.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// Credential is a secret given in place or as a file; at most one of the two is
// set.
type Credential struct {
	Value Secret
	File  string // resolved against the configuration file's folder
}

// IsZero reports whether the secret was left out.
func (c Credential) IsZero() bool { return c == Credential{} }

// Read returns the secret as it is now, without line ends after it. A file is read
// again each time, so that a replaced secret is found. An empty secret is an error, and
// so is a Credential that was left out.
func (c Credential) Read() (Secret, error) {
	text := []byte(c.Value)
	if c.File != "" {
		data, err := os.ReadFile(c.File)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		text = data
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return "", fmt.Errorf("read secret %s: it is empty", c.File)
	}
	return Secret(text), nil
}

// credential reads the key name or name_file.
func (s *section) credential(name string) Credential {
	inPlace, inFile := s.key(name), s.key(name+"_file")
	inPlace.describeText("")
	inFile.describe(schema{"description": "A file that holds " + name + ", instead of " + name + "."})
	c := Credential{File: inFile.file()}
	if text, ok := inPlace.scalar(); ok {
		c.Value = Secret(text.text)
		if !text.expanded && exposes(name, text.text) {
			inPlace.warnf("the secret is in the file itself; use ${…} or %s_file", name)
		}
		if c.File != "" {
			inPlace.faultf("is given as well as %s_file; keep one of the two", name)
		}
	}
	return c
}

// requiredCredential is credential, with a fault if neither key is given.
func (s *section) requiredCredential(name string) Credential {
	c := s.credential(name)
	s.describeEither(name, name+"_file")
	if !s.key(name).given() && !s.key(name+"_file").filled() {
		s.faultf("needs %s or %s_file", name, name)
	}
	return c
}

// exposes reports whether text holds a secret. Only the address of a database may be
// without one.
func exposes(name, text string) bool {
	if name != "database" {
		return true
	}
	if u, err := url.Parse(text); err == nil && u.Scheme != "" {
		_, has := u.User.Password()
		return has || u.Query().Has("password")
	}
	return strings.Contains(text, "password")
}
