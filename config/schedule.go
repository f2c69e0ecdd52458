package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is when runs are due.
type Schedule struct {
	Text string // as in the file
	// Schedule counts in the tenant's zone, whatever zone Next is given a time in. Next
	// never returns the zero time.
	cron.Schedule
}

const fields = "write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *"

// descriptors are the names of schedules that every worker reads alike.
var descriptors = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// schedulePattern matches a descriptor, or five or six fields.
var schedulePattern = `^\s*(` + strings.Join(descriptors, "|") + `|[0-9A-Za-z*/,?-]+(\s+[0-9A-Za-z*/,?-]+){4,5})\s*$`

func (v value) schedule(def string, zone *time.Location) Schedule {
	v.describePattern(schedulePattern, def)
	s, ok := v.scalar()
	if !ok {
		s = scalar{text: def, shown: shorten(def)}
	}
	parsed, err := parseSchedule(s.text, zone)
	switch {
	case err != nil && s.expanded:
		v.faultf("%s does not hold a schedule; %s", s.shown, fields)
	case err != nil:
		v.faultf("%s %s", s.shown, err)
	}
	return Schedule{Text: s.text, Schedule: parsed}
}

// parseSchedule reads a schedule. The texts of its errors follow that of the schedule.
func parseSchedule(text string, zone *time.Location) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "TZ="), strings.HasPrefix(text, "CRON_TZ="):
		return nil, fmt.Errorf("contains a time zone; remove it and set timezone")
	case strings.HasPrefix(text, "@every"):
		return nil, fmt.Errorf("counts from the start of a worker, so workers would not agree on when a run is due; %s", fields)
	case strings.HasPrefix(text, "@") && !slices.Contains(descriptors, text):
		return nil, fmt.Errorf("is not a moment on the clock that all workers agree on; %s, or @hourly or @daily", fields)
	}
	parser := cron.NewParser(
		cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not a schedule (%w); %s", err, fields)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("is not a moment on the clock that all workers agree on; %s", fields)
	}
	spec.Location = zone
	if !fires(spec) {
		return nil, fmt.Errorf("is a moment that never comes, like 30 February; %s", fields)
	}
	return spec, nil
}

// fires reports whether spec is ever due. Cron looks five years ahead, and five years
// from 2000 have every date that exists.
func fires(spec *cron.SpecSchedule) bool {
	const star = 1 << 63
	for _, bits := range []uint64{spec.Second, spec.Minute, spec.Hour, spec.Dom, spec.Month, spec.Dow} {
		if bits&^star == 0 { // a lone comma; Next would count through every second
			return false
		}
	}
	return !spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, spec.Location)).IsZero()
}
