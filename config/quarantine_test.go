package config_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossiersync/config"
)

func TestQuarantineKeyIsReadInAnyEncoding(t *testing.T) {
	t.Parallel()
	// Ends as a line does, and holds what the two alphabets of base64 differ in.
	want := append(bytes.Repeat([]byte{0xfb}, 31), '\n')
	file := func(content string) config.Quarantine {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Quarantine{Key: config.Credential{File: path}}
	}
	for name, q := range map[string]config.Quarantine{
		"the bytes":               file(string(want)),
		"base64":                  file(base64.StdEncoding.EncodeToString(want) + "\r\n"),
		"base64 without padding":  file(base64.RawStdEncoding.EncodeToString(want)),
		"base64 for URLs":         file(base64.URLEncoding.EncodeToString(want)),
		"in place, as a variable": {Key: config.Credential{Value: config.Secret(base64.StdEncoding.EncodeToString(want))}},
	} {
		got, err := q.ReadKey()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
	}
	if got, err := (config.Quarantine{}).ReadKey(); got != nil || err != nil {
		t.Errorf("left out: got %x, %v", got, err)
	}
}

func TestBadQuarantineKeyIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"hunter2", strings.Repeat("hunter2", 7), base64.StdEncoding.EncodeToString([]byte("hunter2"))} {
		got, err := config.Quarantine{Key: config.Credential{Value: config.Secret(text)}}.ReadKey()
		if err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	if _, err := (config.Quarantine{Key: config.Credential{File: filepath.Join(t.TempDir(), "absent")}}).ReadKey(); err == nil {
		t.Error("a file that is not there: no error")
	}
}
