package portalapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"dossiersync/store"
)

// cursor is the place in a list where a page begins. It carries no right and needs no secret,
// because rights are checked again for every page.
//
// It is encoded as a version byte, a digest of its list, the direction, the dossier's change number
// at the first page, the time in microseconds, and the key.
type cursor struct {
	newer bool  // the page is of newer items
	since int64 // the dossier's change number at the first page
	at    time.Time
	key   string
}

const (
	cursorVersion = 1
	cursorHead    = 1 + 8 + 1 + 8 + 8
	maxCursorKey  = 2 * maxUser
)

// listDigest identifies a list: a cursor is only valid for its own list, because another list has
// another order or other filters.
func listDigest(list string) []byte {
	sum := sha256.Sum256([]byte(list))
	return sum[:8]
}

func (c cursor) encode(list string) string {
	b := make([]byte, 0, cursorHead+len(c.key))
	b = append(b, cursorVersion)
	b = append(b, listDigest(list)...)
	direction := byte(0)
	if c.newer {
		direction = 1
	}
	b = append(b, direction)
	b = binary.BigEndian.AppendUint64(b, uint64(c.since))
	b = binary.BigEndian.AppendUint64(b, uint64(c.at.UnixMicro()))
	b = append(b, c.key...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor is the inverse of encode. It rejects any text that encode would not return for this
// list.
func parseCursor(s, list string) (cursor, bool) {
	if len(s) > base64.RawURLEncoding.EncodedLen(cursorHead+maxCursorKey) {
		return cursor{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < cursorHead || b[0] != cursorVersion ||
		string(b[1:9]) != string(listDigest(list)) || b[9] > 1 {
		return cursor{}, false
	}
	c := cursor{
		newer: b[9] == 1,
		since: int64(binary.BigEndian.Uint64(b[10:18])),
		at:    time.UnixMicro(int64(binary.BigEndian.Uint64(b[18:26]))).UTC(),
		key:   string(b[cursorHead:]),
	}
	if c.since < 0 || c.at.Year() < 1 || c.at.Year() > 9999 ||
		!validText(c.key, maxCursorKey) || strings.ContainsAny(s, "\r\n") {
		return cursor{}, false
	}
	return c, true
}

func (c cursor) position() store.Position { return store.Position{At: c.at, Key: c.key} }
