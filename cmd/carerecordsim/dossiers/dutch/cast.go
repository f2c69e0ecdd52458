package dutch

import (
	"fmt"
	"math/rand/v2"
)

// Cast holds the names for one text. It remembers which names the text has used, so each text
// needs its own.
type Cast struct {
	Name        string // {n}, at first: "mevrouw Van der Zonneweide"
	Short       string // {n}, from then on: "mevrouw"
	Female      bool   // {ze}, {haar}, {hr}
	Family      string // {fam}: "dochter Riet"
	Colleague   string // {collega}: "Joyce"
	Day         string // {dag}: "dinsdag"
	Weight      string // {kg}: "68,4"
	From, Until int    // {tijd} lies between these, in minutes of the day

	named bool
}

// slots are the names that templates may use.
var slots = []string{"n", "ze", "haar", "hr", "fam", "collega", "tijd", "dag", "kg"}

func (c *Cast) fill(r *rand.Rand, slot string) string {
	switch slot {
	case "n":
		if c.named {
			return c.Short
		}
		c.named = true
		return c.Name
	case "ze":
		return c.gendered("ze", "hij")
	case "haar":
		return c.gendered("haar", "zijn")
	case "hr":
		return c.gendered("haar", "hem")
	case "fam":
		return c.Family
	case "collega":
		return c.Colleague
	case "dag":
		return c.Day
	case "kg":
		return c.Weight
	default:
		minute := (c.From + r.IntN(max(1, c.Until-c.From))) / 5 * 5
		return fmt.Sprintf("%d.%02d uur", minute/60, minute%60)
	}
}

func (c *Cast) gendered(female, male string) string {
	if c.Female {
		return female
	}
	return male
}
