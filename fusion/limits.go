package fusion

// maxParameter bounds weights and k. It is far above any useful value, and low enough that a weighted
// sum over any number of legs stays finite.
const maxParameter = 1e12

// minWindow is the smallest default window: deep enough for a hit that one leg ranks low and another
// ranks high to be found in both.
const minWindow = 100

// windowFactor is how many hits per leg the default window takes for each hit of the wanted pages.
const windowFactor = 4
