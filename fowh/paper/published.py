"""What was published, by table: where, on which data, by which measure.

They used other pictures and no recogniser, so that none of their numbers stands in a row of ours:
compare which rows are high and which are not.
"""

PUBLISHED = {
    "exact": (
        "Phong et al. (2018); Geiping et al. (2020), proposition 3.1; Fowl et al. (2022), "
        "arXiv 2110.13057."
    ),
    "dlg": ("Zhu, Liu and Han (2019), arXiv 1906.08935: pixel-wise accurate for batches of one."),
    "geiping": ("Geiping et al. (2020), arXiv 2003.14053, CIFAR-10."),
    "defences": (
        "ours. Accuracy is of 200 rounds of clients of one sample, each of which sends what is "
        "attacked; epsilon is against the server that sees who sent what, of the sample that is "
        "drawn most often, delta 1 in ten times the members."
    ),
    "fredrikson2015": (
        "Fredrikson, Jha and Ristenpart (2015), CCS, sec. 5: people on Mechanical Turk matched the "
        "prototypes to photographs, another question than a recogniser's Rank-1."
    ),
    "membership": (
        "Carlini et al. (2022), arXiv 2112.03570: LiRA far above the loss threshold at low FPR."
    ),
}
