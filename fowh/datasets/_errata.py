"""What is known to be wrong in published datasets, each looked at (``python -m bench.errata``)."""

LFW = {  # photograph of Labeled Faces in the Wild: what is wrong with it
    "Michael_Schumacher_0008": "Rubens Barrichello",
    "Recep_Tayyip_Erdogan_0004": "Abdullah Gul",
}
