package state

import (
	"fmt"
	"slices"
)

// Leftover is what a deleted index left in a server of vectors.
type Leftover struct {
	// UUID and Name are those of the index; another index may have the name by now.
	UUID string `json:"uuid"`
	Name string `json:"name"`
	// Generations are those that may have a collection, ascending.
	Generations []int `json:"generations"`
}

// ForgetLeftover tells that nothing is left of a deleted index. Again it changes nothing.
type ForgetLeftover struct {
	UUID string `json:"uuid"`
}

func (ForgetLeftover) kind() (typ, version uint16) { return TypeForgetLeftover, 1 }

func forgetLeftover(before *View, c ForgetLeftover) (*View, Index, error) {
	at := slices.IndexFunc(before.leftovers, func(l Leftover) bool { return l.UUID == c.UUID })
	if at < 0 {
		return nil, Index{}, nil
	}
	after := before.clone()
	after.leftovers = slices.Delete(slices.Clone(before.leftovers), at, at+1)
	if len(after.leftovers) == 0 {
		after.leftovers = nil
	}
	return after, Index{}, nil
}

// leave notes what an index that is being deleted leaves behind.
func (v *View) leave(x Index) error {
	if x.Schema.Dense == nil {
		return nil
	}
	if len(v.leftovers) >= MaxLeftovers {
		return fmt.Errorf("%w: collections of %d deleted indexes wait to be dropped", ErrLimit, len(v.leftovers))
	}
	v.leftovers = append(slices.Clone(v.leftovers), Leftover{UUID: x.UUID, Name: x.Name, Generations: x.Generations()})
	return nil
}
