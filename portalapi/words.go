package portalapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dossiersync/store"
)

// word returns the organisation's word for a code of a section of mapping.labels, such as goal_status;
// the code itself if there is none.
func (t *Tenant) word(section, code string) string {
	if w := t.Words[section+"."+code]; w != "" {
		return w
	}
	return code
}

// describe adds the sentences for people.
func (f *freshness) describe(t *Tenant, now time.Time, asOf *time.Time, next time.Time) {
	key := string(f.State)
	switch {
	case asOf == nil:
		key = "never"
	case f.State == store.Fresh && next.IsZero():
		key = "last"
	}
	f.Sentence = t.word("freshness", key)
	if asOf != nil {
		f.Sentence = strings.ReplaceAll(f.Sentence, "{asOf}", t.moment(now, *asOf, "om"))
	}
	if !next.IsZero() {
		f.Sentence = strings.ReplaceAll(f.Sentence, "{next}", t.moment(now, next, "rond"))
	}
	if f.Incomplete {
		f.Sentence += " " + t.word("freshness", "incomplete")
	}
}

// because sets why a list is empty.
func (f *freshness) because(t *Tenant, r reason) {
	said := t.word("reason", string(r))
	f.Reason, f.ReasonSentence = &r, &said
}

var months = [...]string{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus",
	"september", "oktober", "november", "december"}

// moment says a time as people do who know that it is now: "om 11:04", "gisteren om 15:16", "op 28
// november om 15:16". before stands before the time of day.
func (t *Tenant) moment(now, at time.Time, before string) string {
	now, at = now.In(t.Location), at.In(t.Location)
	clock := before + at.Format(" 15:04")
	switch day := at.Format(time.DateOnly); day {
	case now.Format(time.DateOnly):
		return clock
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "gisteren " + clock
	case now.AddDate(0, 0, 1).Format(time.DateOnly):
		return "morgen " + clock
	}
	day := fmt.Sprintf("op %d %s ", at.Day(), months[at.Month()-1])
	if at.Year() != now.Year() {
		day += strconv.Itoa(at.Year()) + " "
	}
	return day + clock
}
