package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// mishap narrows what a source shows, although no record is deleted or changed: an account that
// lost rights, a filter that broke, pages that get lost. The zero value narrows nothing.
type mishap struct {
	empty     bool   // no search finds anything
	refusing  bool   // reads of records that are not shown are refused (403) instead of not found (404)
	unseen    string // the letter of a type of which nothing is found
	forbidden string // the letter of a type that is refused (403)
	client    string // only this client's records are found
	criterion string // only records are found whose ids end in an even (0) or odd (1) digit
	field     string // a member that every record lacks; see strip
	pages     int    // a search ends after so many records; 0: it does not
	lying     bool   // and its total is as low
}

// parseMishap reads a line: mishap [empty] [refusing] [unseen=r] [forbidden=r] [client=c1]
// [criterion=0|1] [field=security|tag|category|status|subject|value] [pages=N] [lying].
func parseMishap(l line) mishap {
	m := mishap{empty: l.has("empty"), refusing: l.has("refusing"), unseen: l.opts["unseen"],
		forbidden: l.opts["forbidden"], client: l.opts["client"], criterion: l.opts["criterion"],
		field: l.opts["field"], lying: l.has("lying")}
	m.pages, _ = strconv.Atoi(l.opts["pages"])
	return m
}

// shows reports whether searches and reads find the record.
func (m mishap) shows(e entry) bool {
	switch {
	case m.empty, m.unseen != "" && e.id[:1] == m.unseen:
		return false
	case m.client != "" && e.client != "" && e.client != m.client:
		return false
	case m.criterion != "" && fmt.Sprint((e.id[len(e.id)-1]-'0')%2) != m.criterion:
		return false
	}
	return true
}

// refuses returns the error with which a request is refused; of is the record that is read.
func (m mishap) refuses(a request, of entry) error {
	letter := m.forbidden
	ref := a.ref.Type == typeNamed(letter)
	search := a.act != "describe" && a.act != "read" && a.Type.Name == typeNamed(letter)
	if letter != "" && (ref || search) || m.refusing && a.act == "read" && of.id != "" && !m.shows(of) {
		return failure(source.Unauthorized, 403)
	}
	return nil
}

func typeNamed(letter string) string {
	if letter == "" {
		return ""
	}
	return modelTypes[letter[0]].Name
}

// strip returns the record without the member that the mishap takes away.
func (m mishap) strip(e entry) dossier.Item {
	switch m.field {
	case "security", "tag", "category":
		if e.isMarkedBy(m.field) {
			e.hidden = ""
		}
		return e.item()
	case "status":
		const types = "gprfq"
		saidByStatus := e.hidden == dossier.HiddenStatus || e.hidden == dossier.WithdrawnInError
		if saidByStatus && slices.Contains([]byte(types), e.id[0]) {
			e.hidden = ""
		}
		return lacking(e, types, dossier.HiddenUnknownStatus, dossier.MissingStatus)
	case "subject":
		it := lacking(e, "kgprf", dossier.HiddenNoClient, dossier.MissingClient)
		if isOfClients(e.id) && it.State != dossier.StateQuarantined {
			it.Client = ""
		}
		return it
	case "value":
		return lacking(e, "gprf", dossier.HiddenEmpty, dossier.MissingContent)
	}
	return e.item()
}

// lacking returns the record of one of the types as it is hidden for what it lacks.
func lacking(e entry, types string, reason dossier.Reason, missing dossier.Missing) dossier.Item {
	it := e.item()
	if slices.Contains([]byte(types), e.id[0]) && it.State == dossier.StateShown {
		it.State, it.Reason, it.Missing, it.Content = dossier.StateHidden, reason, missing, nil
	}
	return it
}

// cut leaves of a page that begins after so many records what the mishap shows.
func (m mishap) cut(page *source.Page, before int) {
	if m.pages == 0 {
		return
	}
	if before+len(page.Items) >= m.pages {
		page.Items, page.Next = page.Items[:max(0, min(len(page.Items), m.pages-before))], ""
	}
	if m.lying && page.Total >= 0 {
		page.Total = min(page.Total, m.pages)
	}
}

// items returns the records as the source shows them; search: to a search, else to a read.
func (s *modelSource) items(records map[string]entry, search bool) []dossier.Item {
	var list []dossier.Item
	for _, id := range slices.Sorted(maps.Keys(records)) {
		e := s.model.ruled(records[id])
		if search && e.left || !s.mishap.shows(e) {
			continue
		}
		it := s.mishap.strip(e)
		if it.State == dossier.StateShown && e.hidden != "" {
			s.model.noteUnmarked(e)
		}
		list = append(list, it)
	}
	return list
}

// answers is what the source has said of one record in the course of a run.
type answers struct {
	said     map[dossier.Reason]bool // why readers must not see it
	clients  map[string]bool         // whose it is
	bad      bool                    // its envelope could not be read
	deleted  bool
	looked   bool // it was read by its id, and the source did not refuse
	unmarked bool // it was read by its id, and nothing hid it
}

// note keeps what an item says.
func (s *modelSource) note(it dossier.Item, read bool) {
	a := s.answersOf(it.ID)
	switch {
	case it.State == dossier.StateQuarantined:
		a.bad = a.bad || !it.EnvelopeRead
	case it.Missing == "" && it.State != dossier.StateShown:
		a.said[it.Reason] = true
	}
	if it.Client != "" {
		a.clients[it.Client] = true
	}
	a.looked = a.looked || read
	a.unmarked = a.unmarked || read && it.State == dossier.StateShown
}

func (s *modelSource) answersOf(id string) *answers {
	a, ok := s.answers[id]
	if !ok {
		a = &answers{said: make(map[dossier.Reason]bool), clients: make(map[string]bool)}
		s.answers[id] = a
	}
	return a
}
