package store

import "time"

// Rendered is an item's content in the shape in which it is served, with what
// lists are selected and sorted by. It depends on the tenant's rules, never on a
// reader's rights.
type Rendered struct {
	Part     Part      // what a right must be given for; empty: never read by itself
	At       time.Time // its place in lists; zero: in none
	Category string
	Open     *bool  // in force according to the source; nil: not a thing that can be
	Ends     string // the last local date on which it counts; empty: none
	Plan     string // the key of the plan it belongs to
	Goal     string // the key of the goal it is about
	Card     []byte // a JSON object: what a list shows
	Body     []byte // a JSON object: what one item adds to its card
	Model    []byte // a JSON object: what rendering again needs and readers do not
}

// Shown is an item as stored: what another is rendered from.
type Shown struct {
	Key    string
	Kind   Kind
	Client string // whom it belongs to; empty: to none
	Card   []byte
	Body   []byte
	Model  []byte
}

// Lookup returns the record that ref names if it is shown and belongs to the
// same client or to none; else nil.
type Lookup func(ref Ref) *Shown

// A Renderer turns content into the shape in which it is served.
type Renderer interface {
	// Render renders c, which belongs to the item named ref.
	Render(ref Ref, c Content, look Lookup) (Rendered, error)
	// Restore is Render's inverse: the content from which s was rendered, so
	// that it can be rendered again when something that it names has changed.
	Restore(s Shown) (Content, error)
}
