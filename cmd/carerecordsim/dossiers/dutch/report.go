package dutch

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// The settings of care; they are also the second words of topics.
const (
	Elderly  = "ouderen"
	Disabled = "gehandicapten"
)

// The shifts that reports are written in; they are topics.
const (
	Night     = "nacht"
	Morning   = "ochtend"
	Afternoon = "middag"
	Evening   = "avond"
)

// secondaryTopic is a topic that may follow in a report, and its probability.
type secondaryTopic struct {
	topic  string
	weight int
}

var (
	dayTopics = []secondaryTopic{
		{"eten", 22}, {"stemming", 18}, {"bezoek", 9}, {"contact", 8}, {"medicatie", 13},
		{"huid", 8}, {"lopen", 10}, {"afspraak", 7}, {"val", 1}, {"feest", 1},
	}
	nightTopics = []secondaryTopic{{"nachtzorg", 9}, {"huid", 3}, {"val", 1}}
)

// Report writes a report of one to six sentences about a shift.
func (b *Book) Report(r *rand.Rand, c *Cast, shift, setting string) string {
	sentences := []string{b.say(r, c, b.both(shift, setting))}
	topics, extra := dayTopics, [...]int{0, 0, 1, 1, 1, 2, 2, 3, 4}[r.IntN(9)]
	if shift == Night {
		topics, extra = nightTopics, extra/2
	}
	var used []string
	for range extra {
		topic := pickTopic(r, topics)
		if slices.Contains(used, topic) {
			continue // one meal per report
		}
		used = append(used, topic)
		sentences = append(sentences, b.say(r, c, b.sentences[topic]))
	}
	if r.IntN(6) == 0 {
		sentences = append(sentences, b.say(r, c, b.both("slot", shift)))
	}
	return join(r, sentences)
}

// GoalReport writes a report about a goal, mostly about that alone.
func (b *Book) GoalReport(r *rand.Rand, c *Cast, g *Goal, shift, setting string) string {
	var sentences []string
	if r.IntN(3) == 0 {
		sentences = append(sentences, b.say(r, c, b.both(shift, setting)))
	}
	sentences = append(sentences, b.say(r, c, g.Reports))
	if r.IntN(5) == 0 {
		sentences = append(sentences, b.say(r, c, b.sentences["stemming"]))
	}
	if r.IntN(8) == 0 {
		sentences = append(sentences, b.say(r, c, b.both("slot", shift)))
	}
	return join(r, sentences)
}

// Document writes the paragraphs of a longer text: overdracht, mdo, brief or soep.
func (b *Book) Document(r *rand.Rand, c *Cast, kind string) []string {
	var paragraphs []string
	for i := 1; ; i++ {
		group := b.documents[kind+"."+strconv.Itoa(i)]
		if group == nil {
			return paragraphs
		}
		paragraphs = append(paragraphs, b.say(r, c, group))
	}
}

// both returns the sentences of a topic, and those of a special case of the topic.
func (b *Book) both(topic, special string) []Template {
	return slices.Concat(b.sentences[topic], b.sentences[topic+" "+special])
}

func (b *Book) say(r *rand.Rand, c *Cast, group []Template) string {
	return group[r.IntN(len(group))].Render(r, c)
}

func pickTopic(r *rand.Rand, topics []secondaryTopic) string {
	total := 0
	for _, a := range topics {
		total += a.weight
	}
	n := r.IntN(total)
	for _, a := range topics {
		if n -= a.weight; n < 0 {
			return a.topic
		}
	}
	panic("unreachable: n is below the sum of the weights")
}

// join joins sentences: mostly on a line, sometimes as paragraphs, rarely with CRLF.
func join(r *rand.Rand, sentences []string) string {
	if len(sentences) < 3 || r.IntN(5) > 0 {
		return strings.Join(sentences, " ")
	}
	half := 1 + r.IntN(len(sentences)-1)
	end := "\n\n"
	if r.IntN(8) == 0 {
		end = "\r\n"
	}
	return strings.Join(sentences[:half], " ") + end + strings.Join(sentences[half:], " ")
}
