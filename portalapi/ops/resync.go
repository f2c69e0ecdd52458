package ops

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

const maxBody = 4 << 10 // bytes of a request's body

// scopeJSON limits a resync. A missing field does not limit it.
type scopeJSON struct {
	Client string `json:"client"`
	Stream string `json:"stream"`
	From   string `json:"from"` // an instant (RFC 3339) or a date in the tenant's zone; inclusive
	To     string `json:"to"`   // likewise
	Full   bool   `json:"full"`
	DryRun bool   `json:"dryRun"`
}

// resync requests a run of the tenant.
func (h *Handler) resync(c *call) error {
	var in scopeJSON
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return err
	}
	scope, err := in.scope(t.Location)
	if err != nil {
		return err
	}
	return h.answerRequestRun(c, t, scope)
}

// answerRequestRun requests a run and answers with it: 202 if the run is new, or 200 if a run of
// the same scope was waiting.
func (h *Handler) answerRequestRun(c *call, t *Tenant, scope store.Scope) error {
	run, created, err := h.requestRun(c, t, scope)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/api/runs/"+strconv.FormatInt(run.ID, 10))
	if !created {
		return c.json(http.StatusOK, run)
	}
	return c.json(http.StatusAccepted, run)
}

var clientID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) // FHIR R4 §2.24.0.1: id

// validUser reports whether text is a possible sub of a token, or empty for no user.
func validUser(text string) bool {
	return len(text) <= 255 && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// errClient is the problem of a client's id that is impossible.
var errClient = web.Invalid("client", "Dit kan geen id van een cliënt zijn.")

const streamChoices = "Kies uit clients, contacts, staff, questionnaires, goals, care-plans, reports, forms."

func (in *scopeJSON) scope(zone *time.Location) (store.Scope, error) {
	s := store.Scope{Client: in.Client, Stream: dossier.Stream(in.Stream), Full: in.Full, DryRun: in.DryRun}
	switch {
	case in.Client != "" && !clientID.MatchString(in.Client):
		return s, errClient
	case in.Stream != "" && !slices.Contains(dossier.Streams(), s.Stream):
		return s, web.Invalid("stream", streamChoices)
	case in.Full && in.From != "":
		return s, web.Invalid("from", "Met full wordt alles opnieuw gelezen; geef from of full, niet beide.")
	}
	var ok bool
	if s.From, _, ok = instant(in.From, zone); !ok {
		return s, web.Invalid("from", "Geef een datum als 2026-03-01 of een tijdstip als 2026-03-01T09:00:00+01:00.")
	}
	var whole bool
	if s.To, whole, ok = instant(in.To, zone); !ok {
		return s, web.Invalid("to", "Geef een datum als 2026-03-01 of een tijdstip als 2026-03-01T09:00:00+01:00.")
	}
	if whole {
		s.To = web.NextDay(s.To).Add(-time.Second)
	}
	if !s.From.IsZero() && !s.To.IsZero() && s.To.Before(s.From) {
		return s, web.Invalid("to", "Het einde bij to ligt voor het begin bij from.")
	}
	// In UTC, so that equal scopes are found to be equal.
	s.From, s.To = s.From.UTC(), s.To.UTC()
	return s, nil
}

// instant parses an instant (RFC 3339), or a date as its first instant in zone, and then whole is
// true. Empty is zero.
func instant(s string, zone *time.Location) (t time.Time, whole, ok bool) {
	if s == "" {
		return time.Time{}, false, true
	}
	if t, ok := web.ParseDate(s, zone); ok {
		return t, true, true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, false, err == nil && t.Year() >= 1 && t.Year() <= 9998
}
