package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// AuthorRule says what readers are told of who wrote something.
type AuthorRule string

// The rules of mapping.author.
const (
	AuthorNameAndRole  AuthorRule = "name-and-role"
	AuthorRole         AuthorRule = "role"
	AuthorOrganisation AuthorRule = "organisation"
)

// Rules are a tenant's choices in how items look to readers.
type Rules struct {
	Author AuthorRule
	// These stand where the source gives no title.
	ReportTitle string
	FormTitle   string
	PlanTitle   string
	// Words are the words for codes, by the section of mapping.labels and the code:
	// "goal_status.active". A code without a word stands for itself.
	Words map[string]string
}

// Renderer turns content into the shape in which the portal API serves it
// (portalapi/openapi.yaml). It implements [store.Renderer].
type Renderer struct {
	tenant string
	zone   *time.Location
	rules  Rules
	// Digest changes whenever items would be rendered differently. It is part
	// of every item's hash and of every type's fingerprint.
	Digest dossier.Hash

	mu      sync.Mutex
	decoded map[string]staffJSON // by card
}

// renderVersion is raised whenever the shapes below, or what fills them, change.
const renderVersion = 5

// New returns the renderer of one tenant, whose times are shown in zone.
func New(tenant string, zone *time.Location, rules Rules) *Renderer {
	r := &Renderer{tenant: tenant, zone: zone, rules: rules}
	r.rules.ReportTitle = cmp.Or(r.rules.ReportTitle, "Rapportage")
	r.rules.FormTitle = cmp.Or(r.rules.FormTitle, "Formulier")
	r.rules.PlanTitle = cmp.Or(r.rules.PlanTitle, "Zorgplan")
	r.Digest = dossier.IdentityHash(fmt.Sprintf("render %d %s", renderVersion, r.zone), fmt.Sprintf("%q", r.rules))
	return r
}

// The shapes served. Fields that are null say so: a portal builder need not
// guess whether a field may be missing.
type (
	cardJSON struct {
		ID        string            `json:"id"`
		Kind      dossier.Kind      `json:"kind"`
		At        string            `json:"at"`
		Precision dossier.Precision `json:"precision"`
		Title     string            `json:"title"`
		Excerpt   string            `json:"excerpt"`
		Author    *authorJSON       `json:"author"`
		Category  *string           `json:"category"`

		KindLabel     string  `json:"kindLabel"`
		CategoryLabel *string `json:"categoryLabel"`

		CorrectedAt *string `json:"correctedAt"`
		RecordedAt  *string `json:"recordedAt"`
	}
	authorJSON struct {
		ID   string  `json:"id,omitempty"` // of authors of cards, by which lists can be narrowed
		Name *string `json:"name"`
		Role *string `json:"role"`
	}
	reportJSON struct {
		Text        string               `json:"text"`
		Attachments []dossier.Attachment `json:"attachments"`
	}
	staffJSON struct {
		Name         string `json:"name,omitempty"`
		Role         string `json:"role,omitempty"`
		Organization string `json:"organization,omitempty"`
		// Nameless says that the name is not for readers, and that no other is to stand for it.
		Nameless bool `json:"nameless,omitempty"`
	}
	nameJSON struct {
		Name string `json:"name"`
	}
	linkJSON struct {
		ID    string       `json:"id"`
		Kind  dossier.Kind `json:"kind"`
		Title string       `json:"title"`
	}
	contactJSON struct {
		ID           string  `json:"id"`
		Name         string  `json:"name"`
		Relationship *string `json:"relationship"`
		Email        *string `json:"email"`
		Phone        *string `json:"phone"`
	}
	noteJSON struct {
		At        *string            `json:"at"`
		Precision *dossier.Precision `json:"precision"`
		Author    *authorJSON        `json:"author"`
		Text      string             `json:"text"`
	}
)

// Render implements [store.Renderer].
func (r *Renderer) Render(ref dossier.Ref, c dossier.Content, look store.Lookup) (store.Rendered, error) {
	var out store.Rendered
	var card, body any
	model := any(c)
	key := dossier.Key(r.tenant, ref)
	switch c := c.(type) {
	case *dossier.Client:
		// Read by nobody by itself; but who agrees to a plan is named by it.
		card, model = nameJSON{c.Name}, nil
	case *dossier.Contact:
		out.Part, out.Open, out.Ends = dossier.PartContacts, &c.Active, c.Ends
		card = contactJSON{ref.ID, c.Name, orNil(c.Relationship), orNil(c.Email), orNil(c.Phone)}
	case *dossier.Staff:
		card = r.staff(c, look)
	case *dossier.Questionnaire:
		card = linkJSON{key, dossier.KindQuestionnaire, c.Title}
	case *dossier.Form:
		out.Part, out.At = dossier.PartForms, c.At.Time
		form, questions, bare := r.form(key, c, look)
		card, body, model, out.Conditional = form, questions, bare, bare.Pruned
	case *dossier.PlanAgreement:
		// Read by nobody by itself.
		card = struct{}{}
	case *dossier.Goal:
		out.Part = dossier.PartCarePlans
		card = linkJSON{key, dossier.KindGoal, c.Description}
		body = r.goal(key, c, look)
	case *dossier.CarePlan:
		out.Part, out.At, out.Open, out.Ends = dossier.PartCarePlans, c.At.Time, &c.Open, c.Ends
		if out.At.IsZero() {
			out.At = undated
		}
		within, err := r.within(ref, c, look)
		if err != nil {
			return out, err
		}
		if len(within) > 0 {
			out.Kind, out.Plan = dossier.KindPlanPart, within[len(within)-1]
		}
		if card, body, err = r.plan(ref, c, within, look); err != nil {
			return out, err
		}
		model = planModel{c, within}
	case *dossier.Report:
		out.Part, out.At, out.Category = dossier.PartReports, c.At.Time, c.Category
		out.Plan, out.Goal = r.key(c.Plan), r.key(c.Goal)
		card, body = r.report(key, c, look)
		model = (*reportModel)(c)
	default:
		return out, fmt.Errorf("no shape for a %s", c.Kind())
	}
	for _, part := range []struct {
		to   *[]byte
		from any
	}{{&out.Card, card}, {&out.Body, body}, {&out.Model, model}} {
		if part.from == nil {
			continue
		}
		b, err := marshal(part.from)
		if err != nil {
			return out, err
		}
		*part.to = b
	}
	return out, nil
}

// undated is the place in lists of a plan without any date: after all others.
var undated = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// Restore implements [store.Renderer].
func (r *Renderer) Restore(s store.Shown) (dossier.Content, error) {
	var c dossier.Content
	switch s.Kind {
	case dossier.KindClient:
		return nil, fmt.Errorf("a client names nobody")
	case dossier.KindContact:
		c = new(dossier.Contact)
	case dossier.KindStaff:
		c = new(dossier.Staff)
	case dossier.KindQuestionnaire:
		c = new(dossier.Questionnaire)
	case dossier.KindForm:
		c = new(dossier.Form)
	case dossier.KindAgreement:
		c = new(dossier.PlanAgreement)
	case dossier.KindGoal:
		c = new(dossier.Goal)
	case dossier.KindCarePlan, dossier.KindPlanPart:
		c = new(dossier.CarePlan)
	case dossier.KindReport:
		report := new(dossier.Report)
		var body reportJSON
		if err := json.Unmarshal(s.Body, &body); err != nil {
			return nil, err
		}
		err := json.Unmarshal(s.Model, report)
		report.Text, report.Attachments = body.Text, body.Attachments
		return report, err
	default:
		return nil, fmt.Errorf("no shape for a %s", s.Kind)
	}
	return c, json.Unmarshal(s.Model, c)
}

func (r *Renderer) key(ref dossier.Ref) string {
	if ref.IsZero() {
		return ""
	}
	return dossier.Key(r.tenant, ref)
}

func (r *Renderer) report(key string, c *dossier.Report, look store.Lookup) (*cardJSON, *reportJSON) {
	return &cardJSON{
		ID: key, Kind: dossier.KindReport, At: r.time(c.At), Precision: c.At.Precision,
		Title: cmp.Or(c.Title, r.rules.ReportTitle), Excerpt: excerpt(c.Text), Author: r.cardAuthor(c.Authors, look),
		Category: &c.Category, KindLabel: r.word("kind", string(dossier.KindReport)),
		CategoryLabel: orNil(r.word("category", c.Category)), CorrectedAt: r.timeOrNil(c.CorrectedAt), RecordedAt: r.timeOrNil(c.RecordedAt),
	}, &reportJSON{Text: c.Text, Attachments: c.Attachments}
}

// word returns the word for a code of a section of mapping.labels.
func (r *Renderer) word(section, code string) string {
	return cmp.Or(r.rules.Words[section+"."+code], code)
}

// staff resolves a role into the person and organisation that it names.
func (r *Renderer) staff(s *dossier.Staff, look store.Lookup) staffJSON {
	switch s.What {
	case dossier.StaffOrganization:
		return staffJSON{Organization: s.Name}
	case dossier.StaffRole:
		person, org := staffOf(look.Shown(s.Person)), staffOf(look.Shown(s.Organization))
		st := staffJSON{
			Name: cmp.Or(person.Name, s.PersonName), Role: cmp.Or(s.Role, person.Role),
			Organization: cmp.Or(org.Organization, s.OrgName),
		}
		if look.Hidden(s.Person) {
			st.Name, st.Nameless = "", true
		}
		if look.Hidden(s.Organization) {
			st.Organization = ""
		}
		return st
	}
	return staffJSON{Name: s.Name, Role: s.Role}
}

// staffAtMost is how many records of staff a renderer remembers.
const staffAtMost = 500

// staffOf is the function staffOf with the records that were decoded before: most items name the same few people.
func (r *Renderer) staffOf(s *store.Shown) staffJSON {
	if s.Kind != dossier.KindStaff {
		return staffOf(s)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	st, ok := r.decoded[string(s.Card)]
	if !ok {
		if st = staffOf(s); r.decoded == nil || len(r.decoded) >= staffAtMost {
			r.decoded = make(map[string]staffJSON)
		}
		r.decoded[string(s.Card)] = st
	}
	return st
}

func staffOf(s *store.Shown) staffJSON {
	var st staffJSON
	switch {
	case s == nil:
	case s.Kind == dossier.KindStaff:
		// What is stored was marshalled by this package.
		_ = json.Unmarshal(s.Card, &st)
	case s.Kind == dossier.KindContact:
		var c contactJSON
		_ = json.Unmarshal(s.Card, &c) // likewise
		st.Name = c.Name
	}
	return st
}

// clientName returns what a client is called; empty for what is none.
func clientName(s *store.Shown) string {
	var n nameJSON
	if s != nil && s.Kind == dossier.KindClient {
		_ = json.Unmarshal(s.Card, &n) // marshalled by this package
	}
	return n.Name
}

// author sums up who wrote something by the tenant's rule: the first party that
// has a name, else the first that has a role; and the first organisation.
func (r *Renderer) author(parties []dossier.Party, look store.Lookup) *authorJSON {
	var first staffJSON
	organization := ""
	for _, p := range parties {
		st := r.party(p, look)
		organization = cmp.Or(organization, st.Organization)
		if first.Name == "" && (st.Name != "" || first.Role == "") {
			first = st
		}
	}
	var a authorJSON
	switch r.rules.Author {
	case AuthorOrganisation:
		a.Name = orNil(organization)
	case AuthorRole:
		a.Role = orNil(first.Role)
		if a.Role == nil {
			a.Name = orNil(organization)
		}
	default:
		a.Name, a.Role = orNil(cmp.Or(first.Name, organization)), orNil(first.Role)
	}
	if a.Name == nil && a.Role == nil {
		return nil
	}
	return &a
}

// cardAuthor is author with an id. It is made of what readers see of the author, and tells no more.
func (r *Renderer) cardAuthor(parties []dossier.Party, look store.Lookup) *authorJSON {
	a := r.author(parties, look)
	if a != nil {
		a.ID = dossier.Key(r.tenant, dossier.Ref{Type: "author", ID: orEmpty(a.Name) + "\x00" + orEmpty(a.Role)})
	}
	return a
}

// isHidden reports whether p is not for readers, by its record or by an identifier of it.
func isHidden(p dossier.Party, look store.Lookup) bool {
	return look.Hidden(p.Ref) && p.Inline == nil || p.Inline != nil && slices.ContainsFunc(p.Inline.Identifiers, look.Hidden)
}

// party resolves one party, as far as it can be.
func (r *Renderer) party(p dossier.Party, look store.Lookup) staffJSON {
	var st staffJSON
	if isHidden(p, look) {
		if p.Inline != nil && p.Inline.What == dossier.StaffRole {
			st.Role = p.Inline.Role
		}
		return st
	}
	switch found := look.Shown(p.Ref); {
	case p.Inline != nil:
		st = r.staff(p.Inline, look)
	case found != nil:
		st = r.staffOf(found)
	}
	if st.Name == "" && !st.Nameless {
		if dossier.StaffKindOf(p.Ref.Type) == dossier.StaffOrganization {
			st.Organization = cmp.Or(st.Organization, p.Display)
		} else {
			st.Name = cmp.Or(p.Display, clientName(look.Shown(p.Ref)))
		}
	}
	return st
}

func (r *Renderer) note(n dossier.Note, look store.Lookup) noteJSON {
	out := noteJSON{At: r.timeOrNil(n.At), Author: r.author([]dossier.Party{n.Author}, look), Text: n.Text}
	if out.At != nil {
		out.Precision = &n.At.Precision
	}
	return out
}

func (r *Renderer) notes(list []dossier.Note, look store.Lookup) []noteJSON {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b dossier.Note) int { return b.At.Time.Compare(a.At.Time) })
	out := make([]noteJSON, 0, len(list))
	for _, n := range list {
		out = append(out, r.note(n, look))
	}
	return out
}

// time formats a moment with the tenant's offset.
func (r *Renderer) time(m dossier.Moment) string { return m.Time.In(r.zone).Format(time.RFC3339) }

func (r *Renderer) timeOrNil(m dossier.Moment) *string {
	if m.IsZero() {
		return nil
	}
	s := r.time(m)
	return &s
}

const excerptRunes = 200

// excerpt returns the beginning of a text on one line, cut between words.
func excerpt(text string) string {
	var b strings.Builder
	b.Grow(min(len(text), 2*excerptRunes))
	n, lastSpace := 0, 0
	space := false
	for _, c := range text {
		if unicode.IsSpace(c) {
			space = n > 0
			continue
		}
		if space {
			lastSpace = b.Len()
			b.WriteByte(' ')
			n++
			space = false
		}
		if n >= excerptRunes {
			s := b.String()
			if lastSpace > 0 {
				s = s[:lastSpace]
			}
			return s + "…"
		}
		b.WriteRune(c)
		n++
	}
	return b.String()
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
