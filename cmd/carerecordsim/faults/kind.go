package faults

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// kind is how a fault file writes one kind of fault.
type kind struct {
	plain   func() Fault // without a value; nil: a value is needed
	read    func(p *parser, value *yaml.Node, options map[string]*yaml.Node) Fault
	options []string
	example string
}

func alone(f func() Fault) kind { return kind{plain: f} }

// with is a kind with one value.
func with[T any](example string, read func(*parser, *yaml.Node) T, f func(T) Fault) kind {
	return kind{example: example, read: func(p *parser, n *yaml.Node,
		_ map[string]*yaml.Node) Fault {
		return f(read(p, n))
	}}
}

// orPlain makes the value optional.
func (k kind) orPlain(f func() Fault) kind {
	k.plain = f
	return k
}

var kinds = map[string]kind{
	"status": {read: readStatus, options: []string{"headers", "retry-after", "rate-limit"},
		example: "{status: 503, retry-after: 30}"},
	"delay": with("{delay: 2s}", duration("delay"), Delay),
	"slow-drip": {plain: func() Fault { return SlowDrip(64, 100*time.Millisecond) }, read: readDrip,
		example: "{slow-drip: {bytes: 64, every: 100ms}}"},
	"cut-off": with("{cut-off: 0.5}", part("cut-off"), CutOff).orPlain(func() Fault { return CutOff(0.5) }),
	"truncated": with("{truncated: 0.5}", part("truncated"),
		Truncate).orPlain(func() Fault { return Truncate(0.5) }),
	"close":             alone(Close),
	"garbage":           alone(Garbage),
	"html":              alone(HTML),
	"empty-bundle":      alone(EmptyBundle),
	"content-type":      with("{content-type: text/plain}", text("content-type"), ContentType),
	"operation-outcome": alone(Outcome),
	"outcome-entry":     alone(OutcomeEntry),
	"gzip-bomb": with("{gzip-bomb: 1GiB}", size("gzip-bomb"),
		GzipBomb).orPlain(func() Fault { return GzipBomb(1 << 30) }),
	"next": with("{next: loop}", word("next", Repeat, Loop, OtherOrigin, Relative, Missing, Expired),
		WrongNext),
	"short-page": with("{short-page: 3}", whole("short-page"),
		ShortPage).orPlain(func() Fault { return ShortPage(1) }),
	"duplicates": with("{duplicates: 3}", whole("duplicates"),
		Duplicates).orPlain(func() Fault { return Duplicates(3) }),
	"drop":      with("{drop: 2}", whole("drop"), Drop).orPlain(func() Fault { return Drop(1) }),
	"skip-ties": alone(SkipTies),
	"total":     with("{total: scramble}", word("total", Dropped, ZeroTotal, Scrambled), WrongTotal),
	"missing-meta": with("{missing-meta: lastUpdated}", words("missing-meta"),
		func(names []string) Fault { return MissingMeta(names...) }).orPlain(func() Fault { return MissingMeta() }),
	"ignore": with("{ignore: [_lastUpdated, _sort]}", words("ignore"),
		func(names []string) Fault { return Ignore(names...) }),
	"cached":       with("{cached: 60s}", duration("cached"), Cached),
	"clock-skew":   with("{clock-skew: -10m}", skew, ClockSkew),
	"seconds-only": alone(SecondsOnly),
	"late-commits": with("{late-commits: 10s}", duration("late-commits"), LateCommits),
	"poison":       with("{poison: nul}", word("poison", NUL, LoneSurrogate, NoID), Poisoned),
	"stu3":         alone(STU3),
}

func readStatus(p *parser, n *yaml.Node, options map[string]*yaml.Node) Fault {
	f := Refusal{Status: p.count(n, "status", 200), Header: http.Header{}}
	if f.Status > 599 {
		p.fault(n, "status: %d is above 599", f.Status)
	}
	if headers := options["headers"]; headers != nil {
		p.headers(headers, f.Header)
	}
	if after := options["retry-after"]; after != nil {
		p.retryAfter(after, &f)
	}
	if limit := options["rate-limit"]; limit != nil {
		for name, values := range RateLimit(p.count(limit, "rate-limit", 0)) {
			f.Header[name] = values
		}
	}
	return Refuse(f)
}

func (p *parser) headers(n *yaml.Node, to http.Header) {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "headers must be a mapping of names to values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if value, ok := p.scalar(n.Content[i+1], "headers."+n.Content[i].Value); ok {
			to.Set(n.Content[i].Value, value)
		}
	}
}

// retryAfter reads seconds or any text, {date: 30s}, or {epoch-milliseconds: 30s}.
func (p *parser) retryAfter(n *yaml.Node, f *Refusal) {
	if n.Kind == yaml.ScalarNode {
		f.Header.Set("Retry-After", n.Value)
		return
	}
	for key, value := range p.mapping(n, "retry-after", "date", "epoch-milliseconds") {
		if d := skew(p, value); key == "date" {
			f.RetryAt = d
		} else {
			f.RetryAtEpoch = d
		}
	}
}

func readDrip(p *parser, n *yaml.Node, _ map[string]*yaml.Node) Fault {
	bytes, every := 64, 100*time.Millisecond
	for key, value := range p.mapping(n, "slow-drip", "bytes", "every") {
		if key == "bytes" {
			bytes = p.count(value, "slow-drip.bytes", 1)
		} else {
			every = duration("slow-drip.every")(p, value)
		}
	}
	return SlowDrip(bytes, every)
}

func duration(what string) func(*parser, *yaml.Node) time.Duration {
	return func(p *parser, n *yaml.Node) time.Duration {
		s, ok := p.scalar(n, what)
		d, err := time.ParseDuration(s)
		if ok && (err != nil || d < 0) {
			p.fault(n, "%s: %q is not a time such as 500ms, 10s or 2m", what, s)
		}
		return d
	}
}

// skew reads a duration that may be negative.
func skew(p *parser, n *yaml.Node) time.Duration {
	s, ok := p.scalar(n, "the time")
	d, err := time.ParseDuration(s)
	if ok && err != nil {
		p.fault(n, "%q is not a time such as -10m or 30s", s)
	}
	return d
}

func part(what string) func(*parser, *yaml.Node) float64 {
	return func(p *parser, n *yaml.Node) float64 { return p.part(n, what) }
}

func text(what string) func(*parser, *yaml.Node) string {
	return func(p *parser, n *yaml.Node) string {
		s, _ := p.scalar(n, what)
		return s
	}
}

func whole(what string) func(*parser, *yaml.Node) int {
	return func(p *parser, n *yaml.Node) int { return p.count(n, what, 1) }
}

func word[T ~string](what string, known ...T) func(*parser, *yaml.Node) T {
	return func(p *parser, n *yaml.Node) T { return oneOf(p, n, what, known...) }
}

// words reads one word or a list of words.
func words(what string) func(*parser, *yaml.Node) []string {
	return func(p *parser, n *yaml.Node) []string {
		nodes := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			nodes = n.Content
		}
		var list []string
		for _, e := range nodes {
			if s, ok := p.scalar(e, what); ok {
				list = append(list, s)
			}
		}
		return list
	}
}

// size reads a number of bytes: 4096, 64KiB, 10MiB, 1GiB.
func size(what string) func(*parser, *yaml.Node) int64 {
	return func(p *parser, n *yaml.Node) int64 {
		s, ok := p.scalar(n, what)
		number, unit := s, int64(1)
		for name, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
			if before, found := strings.CutSuffix(s, name); found {
				number, unit = before, factor
			}
		}
		bytes, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if ok && (err != nil || bytes < 1 || bytes > 1<<40/unit) {
			p.fault(n, "%s: %q is not a size such as 10MiB or 1GiB", what, s)
			return 0
		}
		return bytes * unit
	}
}
