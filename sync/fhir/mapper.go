package fhir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"time"

	"dossiersync/store/dossier"
)

// A mapper turns one tenant's resources into items. It holds no state and may
// be used concurrently.
type mapper struct {
	base    *url.URL
	aliases []*url.URL // other addresses of the same base
	reach   reach
	zone    *time.Location
	limits  Limits
	rules   Mapping
	now     func() time.Time // nil: the clock's
}

// text returns the text of v as a reader gets it, in Dutch if the source has it so.
func (m *mapper) text(v value) string {
	s, wrong := readable(v.dutch())
	if wrong != "" {
		v.fault(dossier.BadBody, string(wrong))
	}
	if s = clean(s); tooLong(s, m.limits.Text) {
		v.fault(dossier.TooLarge, "too long")
	}
	return s
}

// moment returns the moment that v, a date, dateTime or instant, names; zero if
// v is absent.
func (m *mapper) moment(v value) dossier.Moment {
	s := v.str()
	if s == "" {
		return dossier.Moment{}
	}
	d, err := parseMoment(s, m.zone)
	if err != nil {
		v.fault(dossier.BadDate, err.Error())
	}
	return d
}

// literal returns the FHIR date that v holds as it is written.
func (m *mapper) literal(v value) string { return m.moment(v).Literal }

// ends returns the last local date on which something counts that ends at v;
// empty if v is absent.
func (m *mapper) ends(v value) string {
	d := m.moment(v)
	if d.IsZero() {
		return ""
	}
	return lastDay(d, m.zone)
}

// fingerprint changes when resources of the kind would be mapped differently.
func (m *mapper) fingerprint(k *kindOfResource) string {
	f := struct {
		Kind    string
		Version int
		Zone    string
		Hide    []Rule
		Uses    any
		Aliases []string `json:",omitempty"`
	}{Kind: k.name, Version: k.version, Zone: m.zone.String(), Hide: m.rules.Hide}
	for _, u := range m.aliases {
		f.Aliases = append(f.Aliases, u.String())
	}
	if k.uses != nil {
		f.Uses = k.uses(m.rules)
	}
	return digest(f)
}

// hiding changes with the rules that hide resources of the kind.
func (m *mapper) hiding(k *kindOfResource) string {
	rules := []any{m.rules.Hide}
	switch k.stream() {
	case dossier.StreamReports:
		rules = append(rules, m.rules.ReportCodes, m.rules.ShowPreliminary, m.rules.ShowSuperseded)
	case dossier.StreamForms:
		rules = append(rules, m.rules.ShowInProgress, m.rules.ShowStopped)
	}
	return digest(rules)
}

func digest(rules any) string {
	b, _ := json.Marshal(rules) // they are strings and booleans
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
