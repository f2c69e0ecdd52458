package operate

import (
	"fmt"
	"strings"
	"time"

	"dossiersync/store"
)

// Moment returns t to the minute in the zone, with the zone's name.
func Moment(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04 MST")
}

// Ago returns how long ago t was, like "5 min ago"; nil is "never".
func Ago(now time.Time, t *time.Time) string {
	if t == nil {
		return "never"
	}
	d := now.Sub(*t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < 48*time.Hour:
		return Span(d) + " ago"
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Span formats d to the minute, or to the second if it is shorter than a minute.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// OutcomeWord returns the run's outcome, or its state if it has not ended.
func OutcomeWord(run *store.Run) string {
	if run.Outcome == nil {
		return string(run.State)
	}
	return string(*run.Outcome)
}

// ScopeWords describes a scope, including the client.
func ScopeWords(s store.Scope, zone *time.Location) string {
	var words []string
	add := func(when bool, format string, args ...any) {
		if when {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(s.Only == store.StepQuarantine && len(s.Keys) == 0, "what is in quarantine")
	add(s.Only == store.StepQuarantine && len(s.Keys) > 0, "of the quarantine: %s", strings.Join(s.Keys, ", "))
	add(s.Only == store.StepReconcile, "comparing everything with the source")
	add(s.Only == "" && (s.Full || s.Client != ""), "everything from the beginning")
	add(s.Only == "" && !s.Full && s.Client == "" && s.From.IsZero() && s.To.IsZero(), "what is new")
	add(s.Only == "" && !s.Full && s.Client == "" && (!s.From.IsZero() || !s.To.IsZero()), "what changed in the source")
	add(!s.From.IsZero(), "since %s", Moment(s.From, zone))
	add(!s.To.IsZero(), "until %s", Moment(s.To, zone))
	add(s.Client != "", "of client %s", s.Client)
	add(s.Stream != "", "in %s", s.Stream)
	text := strings.Join(words, " ")
	if s.Approve {
		text += ", and removing what is confirmed absent, however much it is"
	}
	if s.DryRun {
		text += "; a dry run, which changes nothing"
	}
	return text
}

// ScopeBrief describes a scope in a few words, without the client's id.
func ScopeBrief(s store.Scope) string {
	var words []string
	switch {
	case s.Only == store.StepQuarantine:
		words = append(words, "quarantine")
	case s.Only == store.StepReconcile && s.Approve:
		words = append(words, "reconcile, approved")
	case s.Only == store.StepReconcile:
		words = append(words, "reconcile")
	case s.Client != "":
		words = append(words, "one client")
	case s.Full:
		words = append(words, "everything anew")
	case !s.From.IsZero() || !s.To.IsZero():
		words = append(words, "a period")
	default:
		words = append(words, "what is new")
	}
	if s.Stream != "" {
		words = append(words, "in "+string(s.Stream))
	}
	text := strings.Join(words, " ")
	if s.DryRun {
		text += ", dry run"
	}
	return text
}
