package simulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
)

// The parameters of next links, by Paging.
const (
	pageParameter         = "_page"
	offsetParameter       = "_offset"
	keysetParameter       = "_cursor"
	storedParameter       = "_getpages"
	storedOffsetParameter = "_getpagesoffset"
)

// cursor is where a page begins in a result. The next link carries all of it: the server remembers
// nothing between pages.
type cursor struct {
	Path   string `json:"t"` // below the base: Observation, Observation/_history
	Query  string `json:"q"`
	AsOf   int64  `json:"s"`
	Total  int    `json:"n"` // -1: not counted
	Made   int64  `json:"m"` // time of the first page, in microseconds
	Micro  int64  `json:"u"`
	ID     string `json:"i"` // empty: from the beginning
	Seq    int64  `json:"v"`
	Offset int    `json:"o"`

	asked []pair // the link's other parameters, for link self
}

func parseCursor(s string) (cursor, error) {
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Path == "" || c.Offset < 0 {
		return cursor{}, errors.New("not a page of this server")
	}
	return c, nil
}

func (c cursor) String() string {
	raw, _ := json.Marshal(c) // strings and numbers never fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (c cursor) position() *archive.Position {
	if c.ID == "" {
		return nil
	}
	return &archive.Position{At: time.UnixMicro(c.Micro), ID: c.ID, Seq: c.Seq}
}

// after returns the cursor of the page after v.
func (c cursor) after(v *archive.Version) cursor {
	c.Micro, c.ID, c.Seq = v.LastUpdated.UnixMicro(), v.ID, v.Seq
	return c
}

// readCursor returns the cursor of a next link, and the other parameters. An opaque link carries
// the whole search; other cursors stand beside the search.
func (s *Server) readCursor(path string, pairs []pair) (cursor, []pair, error) {
	fresh := cursor{Path: path, Total: -1}
	for i, p := range pairs {
		switch {
		case p.name == pageParameter && s.o.Behaviour.Paging == Snapshot,
			p.name == storedParameter && s.o.Behaviour.Paging == Stored:
			return s.readOpaqueCursor(path, p, pairs)
		case p.name == offsetParameter && (s.o.Behaviour.Paging == Offset || s.o.Behaviour.Paging == Keyset):
			offset, err := s.offset(p.value)
			if err != nil {
				return cursor{}, nil, err
			}
			fresh.Offset, fresh.asked = offset, []pair{p}
		case p.name == keysetParameter && s.o.Behaviour.Paging == Keyset:
			c, err := parseCursor(p.value)
			if err != nil || c.Path != path {
				return cursor{}, nil, badRequest("value", "%s: not a page of this search", p.name)
			}
			fresh.Micro, fresh.ID, fresh.Seq, fresh.asked = c.Micro, c.ID, c.Seq, []pair{p}
		default:
			continue
		}
		return fresh, slices.Delete(slices.Clone(pairs), i, i+1), nil
	}
	return fresh, pairs, nil
}

// readOpaqueCursor reads an opaque link.
func (s *Server) readOpaqueCursor(path string, p pair, pairs []pair) (cursor, []pair, error) {
	c, err := parseCursor(p.value)
	if err == nil && c.Path != path {
		err = fmt.Errorf("a page of %s", c.Path)
	}
	if err == nil && p.name == pageParameter && c.ID == "" {
		err = errors.New("a page without a beginning")
	}
	if err != nil {
		return cursor{}, nil, badRequest("value", "%s: %v", p.name, err)
	}
	if life := s.o.Behaviour.PageLife; life > 0 && s.o.Clock().Sub(time.UnixMicro(c.Made)) > life {
		return cursor{}, nil, &outcome{http.StatusGone, "expired", "this page has expired; search again"}
	}
	c.asked = []pair{p}
	for _, q := range pairs {
		if q.name == storedOffsetParameter {
			if c.Offset, err = s.offset(q.value); err != nil {
				return cursor{}, nil, err
			}
			c.asked = append(c.asked, q)
		}
	}
	pairs, err = parseQuery(c.Query)
	return c, pairs, err
}

func (s *Server) offset(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, badRequest("value", "%q is not an offset", value)
	}
	if limit := s.o.Behaviour.MaxOffset; limit > 0 && n > limit {
		return 0, badRequest("too-costly", "offset %d is above %d", n, limit)
	}
	return n, nil
}
