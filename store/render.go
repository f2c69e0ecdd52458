package store

import (
	"time"

	"dossiersync/store/dossier"
)

// A Renderer turns content into the shape in which it is served.
type Renderer interface {
	// Render renders c, the content of the item named ref.
	Render(ref dossier.Ref, c dossier.Content, look Lookup) (Rendered, error)
	// Restore is Render's inverse: it returns the content from which s was rendered, so that
	// the item can be rendered again after a change of an item that it names.
	Restore(s Shown) (dossier.Content, error)
}

// Rendered is an item's content in the shape in which it is served, with the values by which
// lists select and sort it. It depends on the tenant's rules, never on a reader's rights.
type Rendered struct {
	Kind     dossier.Kind // what the item is to a reader; empty: the kind of its content
	Part     dossier.Part // the part that a grant must include; empty: not read by itself
	At       time.Time    // its place in lists; zero: in none
	Category string
	Open     *bool  // in force according to the source; nil: does not apply
	Ends     string // the last local date on which it counts; empty: none
	Plan     string // the key of the plan it belongs to; for a part, that of the whole plan
	Goal     string // the key of the goal it is about
	Card     []byte // a JSON object for lists
	Body     []byte // a JSON object that one item adds to its card
	Model    []byte // a JSON object that only rendering again needs
	// Conditional means that a condition of the questionnaire keeps answers from readers.
	Conditional bool
}

// MissingWords returns the places of the source's words that the item does not have: by a condition, or
// else lost. See [dossier.MissingWords].
func (r *Rendered) MissingWords(words []dossier.SourceWords) []dossier.LeftOut {
	all := dossier.MissingWords(words, r.Card, r.Body)
	for i := range all {
		if r.Conditional {
			all[i].Kind = dossier.LeftOutWithheld
		}
	}
	return all
}

// kind returns the item's kind, c being its content.
func (r *Rendered) kind(c dossier.Content) dossier.Kind {
	if r.Kind == "" {
		return c.Kind()
	}
	return r.Kind
}

// Shown is a shown item as stored, from which others are rendered.
type Shown struct {
	Key    string
	Kind   dossier.Kind
	Client string // empty: belongs to no client
	Card   []byte
	Body   []byte
	Model  []byte
}

// MaxMembers is how many parts and agreements a care plan may have, including those of other
// clients that name it.
const MaxMembers = 500

// Lookup finds the items that an item of one client is rendered from. It finds nothing of
// another client (I7).
type Lookup struct {
	tenant, client string
	around         *surroundings
}

// Shown returns the record that ref names if it is shown and belongs to the same client or to
// none; else nil.
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

// Hidden reports whether ref names a record that the replica has and that is not for readers. A
// name that others write beside the reference is not shown then either (I6). A record that the
// replica does not have is not hidden.
func (l Lookup) Hidden(ref dossier.Ref) bool {
	return !ref.IsZero() && l.around.hidden[dossier.Key(l.tenant, ref)]
}

// Members returns the shown parts and agreements that name the care plan ref and belong to
// the same client or to none, in no order. tooMany reports that there are more than
// [MaxMembers]; some may then be missing.
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
