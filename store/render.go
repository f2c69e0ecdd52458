package store

import (
	"time"

	"dossiersync/store/dossier"
)

// Rendered is an item's content in the shape in which it is served, with what
// lists are selected and sorted by. It depends on the tenant's rules, never on a
// reader's rights.
type Rendered struct {
	Kind     dossier.Kind // what the item is to a reader; empty: what its content is
	Part     dossier.Part // what a right must be given for; empty: never read by itself
	At       time.Time    // its place in lists; zero: in none
	Category string
	Open     *bool  // in force according to the source; nil: not a thing that can be
	Ends     string // the last local date on which it counts; empty: none
	Plan     string // the key of the plan it belongs to; of a part, that of the whole
	Goal     string // the key of the goal it is about
	Card     []byte // a JSON object: what a list shows
	Body     []byte // a JSON object: what one item adds to its card
	Model    []byte // a JSON object: what rendering again needs and readers do not
}

// kind is what an item with the content c is when rendered so.
func (r *Rendered) kind(c dossier.Content) dossier.Kind {
	if r.Kind == "" {
		return c.Kind()
	}
	return r.Kind
}

// Shown is an item as stored: what another is rendered from.
type Shown struct {
	Key    string
	Kind   dossier.Kind
	Client string // whom it belongs to; empty: to none
	Card   []byte
	Body   []byte
	Model  []byte
}

// MaxMembers is how many parts and agreements one care plan may have, those of
// other clients that name it included.
const MaxMembers = 500

// Lookup finds what an item of one client is rendered from. What belongs to
// another client is not to be found (I7).
type Lookup struct {
	tenant, client string
	around         *surroundings
}

// Shown returns the record that ref names if it is shown and belongs to the same
// client or to none; else nil.
func (l Lookup) Shown(ref dossier.Ref) *Shown {
	if ref.IsZero() {
		return nil
	}
	s := l.around.shown[dossier.Key(l.tenant, ref)]
	if s == nil || !l.reaches(s) {
		return nil
	}
	return s
}

// Hidden reports whether ref names a record that the replica knows and that is not for readers: what
// others call it is not shown either (I6). A record that is not known is not hidden.
func (l Lookup) Hidden(ref dossier.Ref) bool {
	return !ref.IsZero() && l.around.hidden[dossier.Key(l.tenant, ref)]
}

// Members returns the parts of plans and the agreements that name the care plan
// ref, are shown, and belong to the same client or to none; in no order. Where
// there are more than [MaxMembers], some may be missing, and the second result
// says so.
func (l Lookup) Members(ref dossier.Ref) (list []*Shown, tooMany bool) {
	all := l.around.members[dossier.Key(l.tenant, ref)]
	for _, s := range all {
		if l.reaches(s) {
			list = append(list, s)
		}
	}
	return list, len(all) > MaxMembers
}

func (l Lookup) reaches(s *Shown) bool { return s.Client == "" || s.Client == l.client }

// A Renderer turns content into the shape in which it is served.
type Renderer interface {
	// Render renders c, which belongs to the item named ref.
	Render(ref dossier.Ref, c dossier.Content, look Lookup) (Rendered, error)
	// Restore is Render's inverse: the content from which s was rendered, so
	// that it can be rendered again when something that it names has changed.
	Restore(s Shown) (dossier.Content, error)
}
