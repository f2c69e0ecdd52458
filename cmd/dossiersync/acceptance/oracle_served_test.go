package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// The members of the portal API's answers that are compared.
type (
	authorAnswer struct{ Name, Role string }
	linkAnswer   struct{ Title string }
	reportAnswer struct {
		ID, Kind, At, Precision, Title, Category, CorrectedAt, RecordedAt, Text string

		Author      authorAnswer
		Plan, Goal  linkAnswer
		Attachments []struct{ Title, ContentType string }
	}
	questionAnswer struct {
		Label     string
		Questions []questionAnswer
		Answers   []struct {
			Display   string
			Questions []questionAnswer
		}
	}
	formAnswer struct {
		ID, At, Precision, Title, CorrectedAt string

		Author    authorAnswer
		Questions []questionAnswer
	}
	noteAnswer struct {
		At, Text string
		Author   authorAnswer
	}
	planAnswer struct {
		ID, Title, State, Description, Narrative string

		Period      struct{ Start, End string }
		Author      authorAnswer
		Evaluations []noteAnswer
		Domains     []struct {
			Name  string
			Goals []struct {
				Description, Status, Achievement, Start string

				Targets []struct{ Text, Due string }
				Notes   []noteAnswer
			}
			Actions []struct{ Description, Status string }
		}
	}
	contactAnswer struct {
		ID, Name, Relationship, Email, Phone string
		Active                               bool
	}
	dossierAnswer struct{ Client, Name string }
)

// portalReader reads the portal API as one user.
type portalReader struct {
	*harness
	token string
}

// getWithRetry repeats a request that is answered with 503, because on a busy machine the
// access log may take longer than a reader waits.
func (p portalReader) getWithRetry(path string) (status int, body []byte) {
	for range 30 {
		if status, body = p.get(p.token, path); status != http.StatusServiceUnavailable {
			break
		}
	}
	return status, body
}

// fetch decodes an answer, which must be 200.
func (p portalReader) fetch(path string, to any) error {
	status, body := p.getWithRetry(path)
	if status != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// listOf returns the items of all pages of a list.
func listOf[T any](p portalReader, path string) ([]T, error) {
	var all []T
	for path != "" {
		var page struct {
			Items []T
			Page  struct{ Next *string }
		}
		if err := p.fetch(path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		path = ""
		if page.Page.Next != nil {
			path = *page.Page.Next
		}
	}
	return all, nil
}

// itemsOf returns the items of a list, each read by itself.
func itemsOf[T interface{ id() string }](p portalReader, path string) ([]T, error) {
	cards, err := listOf[T](p, path+"?limit=100")
	if err != nil {
		return nil, err
	}
	for i := range cards {
		var x struct{ Item T }
		if err := p.fetch(path+"/"+cards[i].id(), &x); err != nil {
			return nil, err
		}
		cards[i] = x.Item
	}
	return cards, nil
}

func (p portalReader) dossier(client, name string) (*shownDossier, error) {
	d, path := newShownDossier(name), "/v1/dossiers/"+client
	reports, err := listOf[reportAnswer](p, path+"/reports?limit=100")
	if err != nil {
		return nil, err
	}
	for _, x := range reports {
		d.Reports[x.ID] = x.view()
	}
	forms, err := itemsOf[formAnswer](p, path+"/forms")
	if err != nil {
		return nil, err
	}
	for _, x := range forms {
		d.Forms[x.ID] = x.view()
	}
	plans, err := itemsOf[planAnswer](p, path+"/care-plans")
	if err != nil {
		return nil, err
	}
	for _, x := range plans {
		d.Plans[x.ID] = x.view()
	}
	contacts, err := listOf[contactAnswer](p, path+"/contacts")
	for _, x := range contacts {
		d.Contacts[x.ID] = contactView{x.Name, x.Relationship, x.Email, x.Phone, x.Active}
	}
	return d, err
}

// dossiers returns every dossier that the user may open, by client.
func (p portalReader) dossiers() (map[string]*shownDossier, error) {
	list, err := listOf[dossierAnswer](p, "/v1/dossiers")
	if err != nil {
		return nil, err
	}
	found := make([]*shownDossier, len(list))
	var g errgroup.Group
	g.SetLimit(maxConcurrentReads)
	for i, a := range list {
		g.Go(func() (err error) {
			found[i], err = p.dossier(a.Client, a.Name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make(map[string]*shownDossier)
	for i, a := range list {
		out[a.Client] = found[i]
	}
	return out, nil
}

const maxConcurrentReads = 8

func (x formAnswer) id() string { return x.ID }
func (x planAnswer) id() string { return x.ID }

func (a authorAnswer) view() string { return nameAndRole(a.Name, a.Role) }

func (x *reportAnswer) view() reportView {
	v := reportView{
		timeView: timeView{At: x.At, Precision: x.Precision}, Category: x.Category, Title: x.Title,
		Text: withoutLayout(x.Text), Author: x.Author.view(),
		CorrectedAt: x.CorrectedAt, RecordedAt: x.RecordedAt, Plan: x.Plan.Title, Goal: x.Goal.Title,
	}
	for _, a := range x.Attachments {
		v.Attachments = append(v.Attachments, a.Title+" ("+a.ContentType+")")
	}
	return v
}

func (x formAnswer) view() formView {
	return formView{
		timeView: timeView{At: x.At, Precision: x.Precision}, Title: x.Title, Author: x.Author.view(),
		CorrectedAt: x.CorrectedAt,
		Lines:       lines("", x.Questions),
	}
}

func lines(indent string, questions []questionAnswer) []string {
	var all []string
	for _, q := range questions {
		var answers, below []string
		for _, a := range q.Answers {
			answers = append(answers, foldSpace(a.Display))
			below = append(below, lines(indent+"  > ", a.Questions)...)
		}
		all = append(all, indent+foldSpace(q.Label)+": "+strings.Join(answers, " / "))
		all = append(append(all, below...), lines(indent+"  ", q.Questions)...)
	}
	return all
}

func (x planAnswer) view() planView {
	v := planView{
		Title: x.Title, State: x.State, Start: x.Period.Start, End: x.Period.End, Author: x.Author.view(),
		Description: withoutLayout(x.Description), Narrative: withoutLayout(x.Narrative),
		Evaluations: noteLines(x.Evaluations),
	}
	for _, d := range x.Domains {
		for _, g := range d.Goals {
			parts := []string{foldSpace(g.Description), g.Status, g.Achievement, g.Start}
			for _, t := range g.Targets {
				parts = append(parts, foldSpace("target "+t.Text+t.Due))
			}
			v.Goals = append(v.Goals, d.Name+": "+strings.Join(append(parts, noteLines(g.Notes)...), "; "))
		}
		for _, a := range d.Actions {
			v.Actions = append(v.Actions, fmt.Sprintf("%s: %s (%s)", d.Name, foldSpace(a.Description), a.Status))
		}
	}
	slices.Sort(v.Goals)
	slices.Sort(v.Actions)
	return v
}

func noteLines(notes []noteAnswer) []string {
	var all []string
	for _, n := range notes {
		all = append(all, n.At+" "+n.Author.view()+": "+foldSpace(n.Text))
	}
	return all
}
