package archive

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Version is one version of one resource. It never changes; callers must not write to Body.
type Version struct {
	Type, ID    string
	Number      int   // 1, 2, …
	Seq         int64 // place in the order of writing, over all types
	LastUpdated time.Time
	Deleted     bool   // a tombstone: Body is nil
	Body        []byte // compact JSON with meta.versionId and meta.lastUpdated

	label      string // the resource's own versionId; "": Number
	index      index
	previous   *Version
	superseded int64 // Seq of the next version, or 0; guarded by Archive.mu
}

// VersionID returns meta.versionId.
func (v *Version) VersionID() string {
	if v.label != "" {
		return v.label
	}
	return strconv.Itoa(v.Number)
}

// WithBody returns a copy of v with another body.
func (v *Version) WithBody(body []byte) *Version {
	return &Version{Type: v.Type, ID: v.ID, Number: v.Number, Seq: v.Seq, LastUpdated: v.LastUpdated, Body: body,
		label: v.label, index: v.index, previous: v.previous}
}

// IsFirst reports whether v is the first version of its resource.
func (v *Version) IsFirst() bool { return v.previous == nil }

// HasContent reports whether raw is v's resource with v's content, apart from versionId and
// lastUpdated.
func (v *Version) HasContent(raw []byte) bool {
	r, err := parse(raw)
	if err != nil || v.Deleted {
		return false
	}
	own, err := parse(v.Body)
	return err == nil && r.typ == own.typ && r.id == own.id && bytes.Equal(r.meta, own.meta) &&
		bytes.Equal(r.rest, own.rest)
}

// Patient returns the id of the Patient in subject or patient.
func (v *Version) Patient() string { return v.index.patient }

// Tokens returns the codes of an element: Code, Status, Tag, …
func (v *Version) Tokens(element int) []Token {
	if t := v.index.tokens[element]; t != nil {
		return *t
	}
	return nil
}

// newest reports whether v was the newest version at sequence number seq.
func (v *Version) newest(seq int64) bool {
	return v.Seq <= seq && (v.superseded == 0 || v.superseded > seq)
}

// asOf returns the newest version of v's resource at sequence number seq.
func (v *Version) asOf(seq int64) *Version {
	for v != nil && v.Seq > seq {
		v = v.previous
	}
	return v
}

// Position is a place in the order by lastUpdated, id and Seq.
type Position struct {
	At  time.Time
	ID  string
	Seq int64
}

// Position returns the place of v.
func (v *Version) Position() Position {
	return Position{At: v.LastUpdated, ID: v.ID, Seq: v.Seq}
}

func (p Position) compare(q Position) int {
	return cmp.Or(p.At.Compare(q.At), strings.Compare(p.ID, q.ID), cmp.Compare(p.Seq, q.Seq))
}
