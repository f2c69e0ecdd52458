package sync_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// cast lists the records of which a script may speak, but crowds.
var cast = strings.Fields("c1 c2 c3 n1 n2 o1 q1 k1 k2 g1 g2 p1 p2 r1 r2 r3 r4 f1 f2")

// scripts draws scripts.
var scripts = rapid.Custom(func(t *rapid.T) drama {
	var s drama
	s = append(s, sourceLine(t, false))
	if evenly(t, 4) > 0 {
		s = append(s, "all")
	}
	for _, act := range rapid.SliceOfN(acts, 1, 8).Draw(t, "acts") {
		s = append(s, act...)
	}
	return s
})

// acts draws some changes, a passage of time, and a run that something may happen
// to; each of them perhaps.
var acts = rapid.Custom(func(t *rapid.T) drama {
	var s drama
	for range evenly(t, 4) {
		s = append(s, change(t))
	}
	if evenly(t, 3) > 0 {
		s = append(s, passage(t))
	}
	for range evenly(t, 5) / 2 {
		s = append(s, meanwhile(t))
	}
	if evenly(t, 8) == 7 {
		s = append(s, pick(t, []weighted{
			{4, func(t *rapid.T) string { return sourceLine(t, true) }},
			{1, func(*rapid.T) string { return "truncate" }},
			{1, func(*rapid.T) string { return "tomorrow" }},
		}))
	}
	if evenly(t, 4) > 0 {
		s = append(s, runLine(t))
	}
	return s
})

// weighted picks a drawer by weight.
type weighted struct {
	weight int
	draw   func(t *rapid.T) string
}

func pick(t *rapid.T, from []weighted) string {
	sum := 0
	for _, w := range from {
		sum += w.weight
	}
	n := evenly(t, sum)
	for _, w := range from {
		if n -= w.weight; n < 0 {
			return w.draw(t)
		}
	}
	return ""
}

// evenly draws a number below n. Rapid's own ranges favour the small ones by far.
func evenly(t *rapid.T, n int) int {
	drawn := 0
	for below := 1; below < 4*n; below *= 2 {
		drawn *= 2
		if rapid.Bool().Draw(t, "") {
			drawn++
		}
	}
	return drawn % n
}

func one(t *rapid.T, words string) string {
	list := strings.Fields(words)
	return list[evenly(t, len(list))]
}

// maybe draws the text or nothing.
func maybe(t *rapid.T, text string) string {
	if evenly(t, 4) == 3 {
		return " " + text
	}
	return ""
}

// change draws what happens to a record.
func change(t *rapid.T) string {
	return pick(t, []weighted{
		{14, put},
		{4, func(t *rapid.T) string {
			return "hide " + one(t, "k1 k2 n1 n2 o1 q1 g1 g2 p1 p2 r1 r2 r3 r4 f1 f2") + " " + one(t, "marked status empty entered-in-error") + maybe(t, "quietly")
		}},
		{2, func(t *rapid.T) string {
			return "hide " + one(t, "c1 c2 c3") + " " + one(t, "inactive marked") + maybe(t, "quietly")
		}},
		{3, func(t *rapid.T) string { return "show " + one(t, strings.Join(cast, " ")) + maybe(t, "quietly") }},
		{4, func(t *rapid.T) string {
			return "move " + one(t, "k1 g1 p1 r1 r2 r3 f1") + " " + one(t, "c1 c2 c3") + maybe(t, "quietly")
		}},
		{1, func(t *rapid.T) string { return one(t, "merge") + " " + one(t, "c1 c2") + " c3" }},
		{4, func(t *rapid.T) string {
			return "bad " + one(t, strings.Join(cast, " ")) + " " + one(t, "body envelope")
		}},
		{2, func(t *rapid.T) string { return "leave " + one(t, "r1 r2 r3") + maybe(t, "quietly") }},
		{6, func(t *rapid.T) string { return one(t, "delete lose") + " " + one(t, strings.Join(cast, " ")) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("crowd c1 %d", 15+evenly(t, 15)) }},
		{1, func(*rapid.T) string { return "vanish" }},
		{1, func(*rapid.T) string { return "backup" }},
		{1, func(*rapid.T) string { return "restore" }},
	})
}

func put(t *rapid.T) string {
	id := one(t, strings.Join(cast, " "))
	s := "put " + id
	if isOfClients(id) {
		s += " " + one(t, "c1 c2 c3")
	}
	option := func(name, from string) {
		if v := one(t, "- "+from); v != "-" {
			s += " " + name + "=" + v
		}
	}
	switch id[0] {
	case 'o':
		option("by", "n1 n2")
	case 'g':
		option("by", "n1 n2 o1")
	case 'p':
		option("by", "n1 o1")
		option("goal", "g1 g2")
		if id == "p2" {
			option("replaces", "p1")
		}
	case 'r':
		option("by", "n1 o1")
		option("plan", "p1 p2")
		option("goal", "g1")
		option("replaces", map[string]string{"r2": "r1", "r3": "r1 r2", "r4": "r1 r2 r3"}[id])
	case 'f':
		option("by", "n1")
		option("plan", "q1")
	case 'c':
		s += maybe(t, "deceased")
	}
	if evenly(t, 8) == 7 {
		s += " late=" + one(t, "30s 90s 3h")
	}
	return s
}

// passage draws how time goes by.
func passage(t *rapid.T) string {
	return pick(t, []weighted{
		{10, func(t *rapid.T) string { return "pass " + one(t, "5m 1h 30s 400ms") }},
		{1, func(t *rapid.T) string { return "clock " + one(t, "-90s -3h") }},
	})
}

func runLine(t *rapid.T) string {
	return pick(t, []weighted{
		{8, func(*rapid.T) string { return "run" }},
		{4, func(*rapid.T) string { return "reconcile" }},
		{2, func(*rapid.T) string { return "worker tiny" }},
		{2, func(*rapid.T) string { return "worker" }},
		{1, func(*rapid.T) string { return "run full" }},
		{1, func(*rapid.T) string { return "run dry" }},
		{1, func(*rapid.T) string { return "retry" }},
		{1, func(t *rapid.T) string { return "run client=" + one(t, "c1 c2") }},
		{1, func(t *rapid.T) string { return "run stream=" + one(t, "reports clients care-plans staff") }},
	})
}

// meanwhile draws what happens during the next run.
func meanwhile(t *rapid.T) string {
	n := 1 + evenly(t, 40)
	const troubles = "500 unreachable 401 404 410 429 expired invalid unsupported breaker"
	return pick(t, []weighted{
		{6, func(t *rapid.T) string { return fmt.Sprintf("at %d %s", n, change(t)) }},
		{6, func(t *rapid.T) string { return fmt.Sprintf("at %d fail %s", n, one(t, troubles)) }},
		{2, func(t *rapid.T) string { return fmt.Sprintf("from %d fail %s", n, one(t, troubles)) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("at %d stop", n) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("at %d truncate", n) }},
		{6, func(t *rapid.T) string { return fmt.Sprintf("tx %d %s", n, one(t, "abort kill")) }},
	})
}

// sourceLine draws the source's manners, and if asked to a passing trouble.
func sourceLine(t *rapid.T, troubled bool) string {
	var s strings.Builder
	s.WriteString("source")
	option := func(text string) {
		s.WriteString(maybe(t, text))
	}
	option("order=" + one(t, "byID descending"))
	option("page=" + one(t, "1 2 10"))
	option("window=" + one(t, "2 20"))
	for _, text := range []string{"feed", "gone", "offsets", "totals=no", "seconds", "unmindful", "endless", "short"} {
		option(text)
	}
	if troubled {
		s.WriteString(" " + one(t, "shuffled cached inflated empty circle=1"))
	}
	return s.String()
}
