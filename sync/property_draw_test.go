package sync_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// recordIDs are the records that scripts use, except those of crowd.
var recordIDs = strings.Fields("c1 c2 c3 n1 n2 o1 q1 k1 k2 g1 g2 p1 p2 r1 r2 r3 r4 f1 f2")

// scripts draws scripts.
var scripts = rapid.Custom(func(t *rapid.T) script {
	var s script
	s = append(s, drawSource(t, false))
	if drawBelow(t, 4) > 0 {
		s = append(s, "all")
	}
	for _, act := range rapid.SliceOfN(episodes, 1, 8).Draw(t, "acts") {
		s = append(s, act...)
	}
	return s
})

// episodes draws some changes, a passage of time, faults, and a run, each of them by chance.
var episodes = rapid.Custom(func(t *rapid.T) script {
	var s script
	for range drawBelow(t, 4) {
		s = append(s, drawChange(t))
	}
	if drawBelow(t, 3) > 0 {
		s = append(s, drawTimePassing(t))
	}
	for range drawBelow(t, 5) / 2 {
		s = append(s, drawFault(t))
	}
	if drawBelow(t, 8) == 7 {
		s = append(s, pickWeighted(t, []weighted{
			{4, func(t *rapid.T) string { return drawSource(t, true) }},
			{1, func(*rapid.T) string { return "truncate" }},
			{1, func(*rapid.T) string { return "tomorrow" }},
			{1, func(t *rapid.T) string { return "rule " + drawWord(t, "on off") }},
		}))
	}
	switch drawBelow(t, 10) {
	case 8:
		s = append(s, drawMishap(t))
	case 9:
		s = append(s, "heal")
	}
	if drawBelow(t, 4) > 0 {
		s = append(s, drawRun(t))
	}
	return s
})

// weighted is a function that pickWeighted calls in proportion to its weight.
type weighted struct {
	weight int
	draw   func(t *rapid.T) string
}

func pickWeighted(t *rapid.T, from []weighted) string {
	sum := 0
	for _, w := range from {
		sum += w.weight
	}
	n := drawBelow(t, sum)
	for _, w := range from {
		if n -= w.weight; n < 0 {
			return w.draw(t)
		}
	}
	return ""
}

// drawBelow draws a number below n, each with about the same chance. Rapid's own ranges strongly
// favour small numbers.
func drawBelow(t *rapid.T, n int) int {
	drawn := 0
	for below := 1; below < 4*n; below *= 2 {
		drawn *= 2
		if rapid.Bool().Draw(t, "") {
			drawn++
		}
	}
	return drawn % n
}

func drawWord(t *rapid.T, words string) string {
	list := strings.Fields(words)
	return list[drawBelow(t, len(list))]
}

// maybeWord returns a space and the text with a chance of one in four, else nothing.
func maybeWord(t *rapid.T, text string) string {
	if drawBelow(t, 4) == 3 {
		return " " + text
	}
	return ""
}

// drawChange draws a line that changes a record.
func drawChange(t *rapid.T) string {
	return pickWeighted(t, []weighted{
		{14, drawPut},
		{4, func(t *rapid.T) string {
			return "hide " + drawWord(t, "k1 k2 n1 n2 o1 q1 g1 g2 p1 p2 r1 r2 r3 r4 f1 f2") + " " +
				drawWord(t, "marked marked status empty entered-in-error") +
				maybeWord(t, "by="+drawWord(t, "tag category")) + maybeWord(t, "quietly")
		}},
		{2, func(t *rapid.T) string {
			return "hide " + drawWord(t, "c1 c2 c3") + " " + drawWord(t, "inactive marked") + maybeWord(t, "quietly")
		}},
		{3, func(t *rapid.T) string {
			return "show " + drawWord(t, strings.Join(recordIDs, " ")) + maybeWord(t, "quietly")
		}},
		{4, func(t *rapid.T) string {
			return "move " + drawWord(t, "k1 g1 p1 r1 r2 r3 f1") + " " + drawWord(t, "c1 c2 c3") +
				maybeWord(t, "quietly")
		}},
		{1, func(t *rapid.T) string { return drawWord(t, "merge") + " " + drawWord(t, "c1 c2") + " c3" }},
		{4, func(t *rapid.T) string {
			return "bad " + drawWord(t, strings.Join(recordIDs, " ")) + " " + drawWord(t, "body envelope")
		}},
		{2, func(t *rapid.T) string { return "leave " + drawWord(t, "r1 r2 r3") + maybeWord(t, "quietly") }},
		{6, func(t *rapid.T) string {
			return drawWord(t, "delete lose") + " " + drawWord(t, strings.Join(recordIDs, " "))
		}},
		{1, func(t *rapid.T) string { return fmt.Sprintf("crowd c1 %d", 15+drawBelow(t, 15)) }},
		{1, func(*rapid.T) string { return "vanish" }},
		{2, func(t *rapid.T) string { return "mark " + drawWord(t, "r r g p f n") }},
		{2, func(t *rapid.T) string { return "unmark " + drawWord(t, "r r g p f n") + maybeWord(t, "quietly") }},
		{1, func(*rapid.T) string { return "backup" }},
		{1, func(*rapid.T) string { return "restore" }},
	})
}

func drawPut(t *rapid.T) string {
	id := drawWord(t, strings.Join(recordIDs, " "))
	s := "put " + id
	if isOfClients(id) {
		s += " " + drawWord(t, "c1 c2 c3")
	}
	option := func(name, from string) {
		if v := drawWord(t, "- "+from); v != "-" {
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
		s += maybeWord(t, "private")
	case 'f':
		option("by", "n1")
		option("plan", "q1")
	case 'c':
		s += maybeWord(t, "deceased")
	}
	if drawBelow(t, 8) == 7 {
		s += " late=" + drawWord(t, "30s 90s 3h")
	}
	return s
}

// drawTimePassing draws a line that moves the clock.
func drawTimePassing(t *rapid.T) string {
	return pickWeighted(t, []weighted{
		{10, func(t *rapid.T) string { return "pass " + drawWord(t, "5m 1h 30s 400ms") }},
		{1, func(t *rapid.T) string { return "clock " + drawWord(t, "-90s -3h") }},
	})
}

func drawRun(t *rapid.T) string {
	return pickWeighted(t, []weighted{
		{8, func(*rapid.T) string { return "run" }},
		{4, func(*rapid.T) string { return "reconcile" }},
		{2, func(*rapid.T) string { return "worker tiny" }},
		{2, func(*rapid.T) string { return "worker" }},
		{1, func(*rapid.T) string { return "run full" }},
		{1, func(*rapid.T) string { return "run dry" }},
		{1, func(*rapid.T) string { return "retry" }},
		{1, func(t *rapid.T) string { return "run client=" + drawWord(t, "c1 c2") }},
		{1, func(t *rapid.T) string { return "run stream=" + drawWord(t, "reports clients care-plans staff") }},
	})
}

// drawFault draws a line that takes effect during the next run.
func drawFault(t *rapid.T) string {
	n := 1 + drawBelow(t, 40)
	const failures = "500 unreachable 401 404 410 429 expired invalid unsupported breaker"
	return pickWeighted(t, []weighted{
		{6, func(t *rapid.T) string { return fmt.Sprintf("at %d %s", n, drawChange(t)) }},
		{6, func(t *rapid.T) string { return fmt.Sprintf("at %d fail %s", n, drawWord(t, failures)) }},
		{2, func(t *rapid.T) string { return fmt.Sprintf("from %d fail %s", n, drawWord(t, failures)) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("at %d stop", n) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("at %d truncate", n) }},
		{2, func(t *rapid.T) string { return fmt.Sprintf("at %d %s", n, drawMishap(t)) }},
		{1, func(t *rapid.T) string { return fmt.Sprintf("at %d heal", n) }},
		{6, func(t *rapid.T) string { return fmt.Sprintf("tx %d %s", n, drawWord(t, "abort kill")) }},
	})
}

// drawMishap draws a line that narrows what the source shows: mostly in one way, sometimes in two.
func drawMishap(t *rapid.T) string {
	draw := func(t *rapid.T) string {
		return pickWeighted(t, []weighted{
			{2, func(*rapid.T) string { return "empty" }},
			{2, func(t *rapid.T) string { return "unseen=" + drawWord(t, "c k n o q g p r f") }},
			{2, func(t *rapid.T) string { return "forbidden=" + drawWord(t, "c k n o q g p r f") }},
			{2, func(t *rapid.T) string { return "client=" + drawWord(t, "c1 c2 c3") }},
			{2, func(t *rapid.T) string { return "criterion=" + drawWord(t, "0 1") }},
			{5, func(t *rapid.T) string {
				return "field=" + drawWord(t, "security security tag category status subject value")
			}},
			{2, func(t *rapid.T) string { return fmt.Sprint("pages=", 1+drawBelow(t, 6)) + maybeWord(t, "lying") }},
		})
	}
	s := "mishap " + draw(t)
	if drawBelow(t, 4) == 3 {
		s += " " + draw(t)
	}
	return s + maybeWord(t, "refusing")
}

// drawSource draws the source's behaviour, with a fault if faulty.
func drawSource(t *rapid.T, faulty bool) string {
	var s strings.Builder
	s.WriteString("source")
	option := func(text string) {
		s.WriteString(maybeWord(t, text))
	}
	option("order=" + drawWord(t, "byID descending"))
	option("page=" + drawWord(t, "1 2 10"))
	option("window=" + drawWord(t, "2 20"))
	for _, text := range []string{"feed", "gone", "offsets", "totals=no", "seconds", "unmindful", "endless", "short"} {
		option(text)
	}
	if faulty {
		s.WriteString(" " + drawWord(t, "shuffled cached inflated empty circle=1"))
	}
	return s.String()
}
