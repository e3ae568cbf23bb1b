"""The main job as a script over the lab's verbs and the public APIs: one file an act, in the order of `script.ACTS`.

stage        what all acts share: the lab, the observer, waiting with a bound, the timeline
figures      what is to be reached
script       which acts are played, in which order, and how it ends
"""
