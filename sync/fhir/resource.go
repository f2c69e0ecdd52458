package fhir

import (
	"bytes"
	"errors"

	"dossiersync/store/dossier"
)

// The bounds of what one resource makes us keep (I12), beyond those that
// Limits sets.
const (
	maxNodes  = 100_000
	maxFields = 512
)

// A resource is the JSON of one FHIR resource, read on demand: load finds its
// members, and get reads the one that is asked for. A resource is loaded again
// and again to save memory; values of the one before are then void.
type resource struct {
	limits Limits

	raw    []byte
	fields []field
	nodes  []node
	deep   bool // nested beyond the limit, wherever it is

	// judge reports whether a resource that this one contains may be shown; nil: all of them may.
	judge     func(*resource, value) bool
	contained map[string]contained // by id; nil: not looked at yet

	files  map[string]file // by URL: what was fetched for the resource
	wanted []string        // URLs of files that reading it would need

	// modified says that something in what was read has a modifierExtension.
	modified bool
	// labels says what was left out of raw for the labels of its elements.
	labels inlineLabels
	// judging says that the record is read to judge it: what is read reaches no reader by that.
	judging bool
	// withheld says that something in the resource is not for readers, and was left out.
	withheld bool
	// blame is the reason for faults that say no more than that something is
	// not as FHIR has it.
	blame  dossier.Reason
	failed *fault // the first fault

	envelope envelope
	scratch  []byte
	leftOut  []dossier.LeftOut // room to work in
}

type field struct {
	name, is span
	node     int32 // -1: not read yet
}

// A fault says what is wrong with a resource, and where.
type fault struct {
	reason dossier.Reason
	detail string
}

var errFields = errors.New("too many members")

// load makes r stand for raw.
func (r *resource) load(raw []byte) error {
	r.begin(raw)
	return members(raw, r.add)
}

// begin makes r stand for an object in raw of which no member was added yet.
func (r *resource) begin(raw []byte) {
	*r = resource{limits: r.limits, raw: raw, fields: r.fields[:0], nodes: r.nodes[:0],
		blame: dossier.BadEnvelope, envelope: r.envelope, scratch: r.scratch, leftOut: r.leftOut, judge: r.judge, files: r.files, wanted: r.wanted[:0]}
}

// add adds a member.
func (r *resource) add(name, is span, depth int) error {
	if len(r.fields) == maxFields {
		return errFields
	}
	if bytes.IndexByte(name.of(r.raw), '\\') >= 0 {
		return errSyntax
	}
	if depth >= r.limits.Depth {
		r.deep = true
	}
	r.fields = append(r.fields, field{name: name, is: is, node: -1})
	return nil
}

// get returns the resource's member called name.
func (r *resource) get(name string) value {
	f := r.field(name)
	if f == nil {
		return value{}
	}
	if f.node >= 0 {
		return value{r, f.node}
	}
	n := int32(len(r.nodes))
	if _, err := r.read(int(f.is.start), -1, f.name, 1); err != nil {
		r.nodes = r.nodes[:n]
		r.fail(reasonOf(err), name+": "+err.Error())
		return value{}
	}
	f.node = n
	return value{r, n}
}

// written returns the member called name as it is written, unread; nil if there
// is none.
func (r *resource) written(name string) []byte {
	f := r.field(name)
	if f == nil {
		return nil
	}
	return f.is.of(r.raw)
}

func (r *resource) field(name string) *field {
	var found *field
	for i := range r.fields {
		f := &r.fields[i]
		if string(f.name.of(r.raw)) != name {
			continue
		}
		if found != nil {
			r.fail(r.blame, name+": given twice")
		}
		found = f
	}
	return found
}

// fail records a fault; the first one stays.
func (r *resource) fail(why dossier.Reason, detail string) {
	if r.failed == nil {
		r.failed = &fault{why, detail}
	}
}

func reasonOf(err error) dossier.Reason {
	switch {
	case errors.Is(err, errDeep):
		return dossier.TooDeep
	case errors.Is(err, errMany), errors.Is(err, errFields):
		return dossier.TooLarge
	}
	return dossier.BadJSON
}
