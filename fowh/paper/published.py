"""What was published, by table: where, on which data, by which measure.

They used other pictures and no recogniser, so that none of their numbers stands in a row of ours:
compare which rows are high and which are not.
"""

PUBLISHED = {
    "exact": (
        "Phong et al. (2018); Geiping et al. (2020), proposition 3.1, without figures; Fowl et al. "
        "(2022), arXiv 2110.13057: a batch of 64 of ImageNet with 128 bins before ResNet-18, mean "
        "PSNR 70.94 dB (github.com/lhfowl/robbing_the_fed)."
    ),
    "dlg": (
        "Zhu, Liu and Han (2019), arXiv 1906.08935, on MNIST, CIFAR-100, SVHN and LFW: pixel-wise "
        "accurate, in pictures; how many of how many is not said."
    ),
    "geiping": (
        "Geiping et al. (2020), arXiv 2003.14053, by PSNR on CIFAR-10, in colour: other pictures "
        "and other networks, and no measure of identity."
    ),
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
        "Carlini et al. (2022), arXiv 2112.03570, TPR at FPR 0.1 % on CIFAR-10 with 16 shadow "
        "models, at the authors' own (github.com/tensorflow/privacy, research/mi_lira_2021): "
        "threshold 0.09 %, LiRA 1.7 % (fixed variance 5.9 %), offline 1.3 % (3.0 %); ROC area "
        "0.59, 0.67 (0.69), 0.55 (0.55)."
    ),
}
