package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"dossiersync/portalapi/client"
)

// portal serves the pages.
type portal struct {
	api      string // the URL of the portal API
	http     *http.Client
	tokens   *issuer
	people   *people
	sessions *sessions
	log      *slog.Logger
}

func newPortal(api string, tokens *issuer, people *people, log *slog.Logger) *portal {
	return &portal{api: api, http: &http.Client{Timeout: 30 * time.Second}, tokens: tokens, people: people,
		sessions: &sessions{list: make(map[string]*session)}, log: log}
}

// handler returns the routes. A URL has ids and dates, never a name or a text.
func (p *portal) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/", serveAsset)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, assetURLs["icon.svg"], http.StatusFound)
	})
	mux.HandleFunc("GET /inloggen", p.signInPage)
	mux.HandleFunc("POST /inloggen", p.signIn)
	mux.HandleFunc("POST /uitloggen", p.signedIn(p.signOut))
	mux.HandleFunc("GET /{$}", p.signedIn(p.choose))
	mux.HandleFunc("POST /uitnodiging", p.signedIn(p.acceptInvitation))
	mux.HandleFunc("GET /d/{client}", p.dossier("start", p.start))
	mux.HandleFunc("GET /d/{client}/vers", p.signedIn(p.fresh))
	mux.HandleFunc("GET /d/{client}/tijdlijn", p.dossier("tijdlijn", p.timeline))
	mux.HandleFunc("GET /d/{client}/lezen", p.dossier("lezen", p.read))
	mux.HandleFunc("GET /d/{client}/rapportage/{id}", p.dossier("", p.report))
	mux.HandleFunc("GET /d/{client}/formulier/{id}", p.dossier("", p.form))
	mux.HandleFunc("GET /d/{client}/plannen", p.dossier("plannen", p.plans))
	mux.HandleFunc("GET /d/{client}/plannen/{id}", p.dossier("plannen", p.plan))
	mux.HandleFunc("GET /d/{client}/toegang", p.dossier("toegang", p.access))
	mux.HandleFunc("POST /d/{client}/toegang", p.dossier("toegang", p.changeAccess))
	mux.HandleFunc("GET /d/{client}/gekeken", p.dossier("gekeken", p.accessLog))
	mux.HandleFunc("GET /d/{client}/afdrukken", p.dossier("afdrukken", p.printChoice))
	mux.HandleFunc("POST /d/{client}/afdrukken", p.dossier("afdrukken", p.printSheet))
	mux.HandleFunc("/", p.signedIn(func(v *view) error { return errNoPage }))
	return p.logged(secured(http.NewCrossOriginProtection().Handler(mux)))
}

// secured sets the headers that keep a page to itself.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// logged logs requests that failed, by their route. The URL, which has ids, is not logged.
func (p *portal) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, s := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		if s.status >= http.StatusInternalServerError && r.Context().Err() == nil { // else the reader has left
			p.log.Error("request failed", "route", r.Pattern, "status", s.status, "took", time.Since(began).String(),
				"error", s.cause)
		}
	})
}

// statusWriter keeps what was answered, for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
	cause  string
}

// WriteHeader implements [http.ResponseWriter].
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, found := assets[r.URL.Path]
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.media)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body) // the reader may have gone
}

// view is a request of somebody who has signed in, and the page that answers it.
type view struct {
	*http.Request
	w    http.ResponseWriter
	api  *client.ClientWithResponses
	page page
}

// signedIn returns a handler for readers who have signed in; others are sent to sign in.
// A POST must have the session's token.
func (p *portal) signedIn(serve func(*view) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		background := strings.HasSuffix(r.URL.Path, "/vers")
		s := p.sessions.find(r, !background)
		if s == nil {
			if background {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			http.Redirect(w, r, "/inloggen", http.StatusSeeOther)
			return
		}
		v := &view{Request: r, w: w, page: page{Session: s, CSRF: s.csrf, Org: p.people.organisation(s.Tenant)}}
		if err := p.serveView(v, serve); err != nil {
			p.fail(v, err)
		}
	}
}

func (p *portal) serveView(v *view, serve func(*view) error) error {
	if v.Method == http.MethodPost {
		v.Body = http.MaxBytesReader(v.w, v.Body, 1<<16)
		if !sameSecret(v.PostFormValue("csrf"), v.page.CSRF) {
			return errOldForm
		}
	}
	api, err := p.reader(v.page.Session.Tenant, v.page.Session.User)
	if err != nil {
		return err
	}
	v.api = api
	return serve(v)
}

// dossier returns a handler for a page of a dossier. What the reader may open is asked again for every
// page, so that taken rights count at once.
func (p *portal) dossier(here string, serve func(*view) error) http.HandlerFunc {
	return p.signedIn(func(v *view) error {
		list, _, err := dossiers(v.Context(), v.api)
		if err != nil {
			return err
		}
		v.page.Dossiers, v.page.Here = list, here
		i := slices.IndexFunc(list, func(d client.Dossier) bool { return d.Client == v.PathValue("client") })
		if i < 0 {
			return errNoDossier
		}
		v.page.Dossier = &list[i]
		if here != "start" { // which asks for the head itself
			if v.page.Head, err = v.head(); err != nil {
				return err
			}
		}
		return serve(v)
	})
}

// head returns the organisation's words for the open dossier. Only the first page of a visit asks for
// them, because every question to a dossier is in its access log.
func (v *view) head() (head, error) {
	s := v.page.Session
	s.mu.Lock()
	h, found := s.heads[v.page.Dossier.Client]
	s.mu.Unlock()
	if found {
		return h, nil
	}
	start, err := answered(v.api.GetDossierWithResponse(v.Context(), v.page.Dossier.Client))
	if err != nil {
		return head{}, err
	}
	return v.keepHead(start.JSON200.Item), nil
}

func (v *view) keepHead(item client.Start) head {
	zone, err := time.LoadLocation(item.Timezone)
	if err != nil {
		zone = time.Local
	}
	h := head{Organisation: item.Organisation, Zone: zone, Labels: item.Labels}
	s := v.page.Session
	s.mu.Lock()
	s.heads[v.page.Dossier.Client] = h
	s.mu.Unlock()
	return h
}

// show answers with a page.
func (v *view) show(name, title string, fresh *client.Freshness, body any) error {
	v.page.Title, v.page.Body, v.page.Fresh = title, body, fresh
	return v.write(http.StatusOK, name, "page")
}

func (v *view) write(status int, name, frame string) error {
	html, err := v.page.draw(name, frame)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(html) // the reader may have gone
	return nil
}

// redirect sends the reader to another page.
func (v *view) redirect(to string) error {
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	return nil
}

// failure is an error with a page of its own.
type failure struct {
	Status      int
	Title, Text string
}

func (f failure) Error() string { return f.Title }

var (
	errNoPage = failure{http.StatusNotFound, "Deze pagina is er niet",
		"Misschien is het adres niet goed, of is de pagina weg."}
	errNoDossier = failure{http.StatusNotFound, "U kunt dit dossier niet openen",
		"Dit dossier bestaat niet, of u hebt er geen toegang (meer) toe. De beheerder van het dossier kan u toegang geven."}
	errNoItem = failure{http.StatusNotFound, "Dit staat niet (meer) in het dossier",
		"Misschien heeft de zorgorganisatie het weggehaald, of mag u het niet zien."}
	errOldForm = failure{http.StatusForbidden, "Deze pagina was te oud",
		"Ga terug, laad de pagina opnieuw en probeer het nog een keer."}
	errNotManager = failure{http.StatusForbidden, "U bent geen beheerder",
		"Alleen de cliënt en de beheerder van dit dossier kunnen deze pagina zien."}
	errUnavailable = failure{http.StatusServiceUnavailable, "Het lukt nu even niet",
		"We kunnen de gegevens nu niet bereiken. Probeer het over een paar minuten opnieuw."}
	errInternal = failure{http.StatusInternalServerError, "Er ging iets mis",
		"Dat ligt aan ons. Probeer het later opnieuw."}
)

// fail answers with a page about an error. Only an error of this program itself is logged in words.
func (p *portal) fail(v *view, err error) {
	f, ok := errors.AsType[failure](err)
	if s, isLogged := v.w.(*statusWriter); isLogged && !ok {
		s.cause = err.Error()
	}
	problem, isProblem := errors.AsType[*client.Problem](err)
	_, unreachable := errors.AsType[errUnreachable](err)
	switch {
	case ok:
	case isNotFound(err):
		f = errNoItem
	case isProblem && problem.Status == http.StatusBadRequest:
		f = failure{http.StatusBadRequest, "Dit kan niet", text(problem.Detail)}
	case unreachable, isProblem && problem.Status == http.StatusServiceUnavailable:
		f = errUnavailable
	default:
		f = errInternal
	}
	v.page.Title, v.page.Body = f.Title, f
	if err := v.write(f.Status, "failure", "page"); err != nil {
		p.log.Error("no page for a failure", "route", v.Pattern, "error", err.Error())
		http.Error(v.w, errInternal.Title, http.StatusInternalServerError)
	}
}

// fresh answers how old the dossiers are, for an open page that wants to know whether it is still true.
// It reads no dossier, so it is in no access log.
func (p *portal) fresh(v *view) error {
	list, f, err := dossiers(v.Context(), v.api)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(d client.Dossier) bool { return d.Client == v.PathValue("client") }) {
		return errNoDossier
	}
	v.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(v.w).Encode(map[string]any{"asOf": f.AsOf, "next": f.NextSync, "line": f.Sentence})
}
