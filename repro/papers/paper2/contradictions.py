"""Where paper 2 contradicts itself, its data or the world. Numbers are referred to where they are declared."""

from repro.papers.spec import Contradiction

CONTRADICTIONS = (
    Contradiction(
        id="paper2_share_of_vessels",
        place="Table 3",
        text="Acc = p Sen + (1 - p) Sp fixes the share p of vessel pixels, one number for one test set. DRIVE's "
        "four rows give four shares whose rounding intervals are disjoint, and CHASEDB's agree in two rows only. "
        "With labels as drawn only CHASEDB's row LKM + MFM is possible, inside the field of view. Scores "
        "read at different epochs or thresholds would explain such rows. Nothing follows for AUC.",
        inputs={
            "DRIVE, LKM, Acc": "paper2_table3/LKM/DRIVE Acc",
            "DRIVE, LKM, Sen": "paper2_table3/LKM/DRIVE Sen",
            "DRIVE, LKM, Sp": "paper2_table3/LKM/DRIVE Sp",
            "DRIVE, LKM + ETM, Acc": "paper2_table3/LKM + ETM/DRIVE Acc",
            "DRIVE, LKM + ETM, Sen": "paper2_table3/LKM + ETM/DRIVE Sen",
            "DRIVE, LKM + ETM, Sp": "paper2_table3/LKM + ETM/DRIVE Sp",
            "DRIVE, LKM + MFM, Acc": "paper2_table3/LKM + MFM/DRIVE Acc",
            "DRIVE, LKM + MFM, Sen": "paper2_table3/LKM + MFM/DRIVE Sen",
            "DRIVE, LKM + MFM, Sp": "paper2_table3/LKM + MFM/DRIVE Sp",
            "DRIVE, all, Acc": "paper2_table3/LKM + ETM + MFM/DRIVE Acc",
            "DRIVE, all, Sen": "paper2_table3/LKM + ETM + MFM/DRIVE Sen",
            "DRIVE, all, Sp": "paper2_table3/LKM + ETM + MFM/DRIVE Sp",
            "CHASEDB, LKM, Acc": "paper2_table3/LKM/CHASEDB Acc",
            "CHASEDB, LKM, Sen": "paper2_table3/LKM/CHASEDB Sen",
            "CHASEDB, LKM, Sp": "paper2_table3/LKM/CHASEDB Sp",
            "CHASEDB, LKM + ETM, Acc": "paper2_table3/LKM + ETM/CHASEDB Acc",
            "CHASEDB, LKM + ETM, Sen": "paper2_table3/LKM + ETM/CHASEDB Sen",
            "CHASEDB, LKM + ETM, Sp": "paper2_table3/LKM + ETM/CHASEDB Sp",
            "CHASEDB, LKM + MFM, Acc": "paper2_table3/LKM + MFM/CHASEDB Acc",
            "CHASEDB, LKM + MFM, Sen": "paper2_table3/LKM + MFM/CHASEDB Sen",
            "CHASEDB, LKM + MFM, Sp": "paper2_table3/LKM + MFM/CHASEDB Sp",
            "CHASEDB, all, Acc": "paper2_table3/LKM + ETM + MFM/CHASEDB Acc",
            "CHASEDB, all, Sen": "paper2_table3/LKM + ETM + MFM/CHASEDB Sen",
            "CHASEDB, all, Sp": "paper2_table3/LKM + ETM + MFM/CHASEDB Sp",
        },
        source="pixel counts of the two data sets' labels",
    ),
    Contradiction(
        id="paper2_ablation_against_conclusion",
        place="Table 3 against its text and the conclusion",
        text="The modules are said to improve Acc, Sen, Sp and AUC. On DRIVE the whole network has the lowest Sen, "
        "and on CHASEDB the rows with one module added lie below the row with none in Acc, Sen and Sp.",
        inputs={
            "DRIVE Sen, LKM": "paper2_table3/LKM/DRIVE Sen",
            "DRIVE Sen, all": "paper2_table3/LKM + ETM + MFM/DRIVE Sen",
            "CHASEDB Acc, LKM": "paper2_table3/LKM/CHASEDB Acc",
            "CHASEDB Acc, LKM + ETM": "paper2_table3/LKM + ETM/CHASEDB Acc",
            "CHASEDB Acc, LKM + MFM": "paper2_table3/LKM + MFM/CHASEDB Acc",
        },
    ),
    Contradiction(
        id="paper2_metrics_of_ablation",
        place="Text of the metrics against Table 3",
        text="All five metrics are promised for the ablation: JA and DI are not in it, and the AUC that is in it is "
        "nowhere defined. SE and SP are never given for skin.",
    ),
    Contradiction(
        id="paper2_dice_against_jaccard",
        place="Text of Figure 5",
        text="Pooled, DI = 2 JA / (1 + JA), which the printed pair misses by three points. As means over images only "
        "JA <= DI <= 2 JA / (1 + JA) must hold, which allows it with a heavy tail of failed images.",
        inputs={"JA": "paper2_figure5/TCNet/JA", "DI": "paper2_figure5/TCNet/DI"},
    ),
    Contradiction(
        id="paper2_share_of_lesion",
        place="Text of Figure 5",
        text="Pooled, JA with AC implies one share of true positives and DI with AC another, both above what "
        "published rows on this data imply.",
        inputs={
            "JA": "paper2_figure5/TCNet/JA",
            "AC": "paper2_figure5/TCNet/AC",
            "DI": "paper2_figure5/TCNet/DI",
        },
        source="published rows on ISIC 2018 imply .16 to .18",
    ),
    Contradiction(
        id="paper2_differences",
        place="Text of Figure 4",
        text="Pooled, dDI/dJA = 2 / ((1 + J1)(1 + J2)): the two differences to UNet need a JA far below any "
        "segmentation.",
        inputs={"JA": "paper2_figure4/TCNet - UNet/JA", "DI": "paper2_figure4/TCNet - UNet/DI"},
    ),
    Contradiction(
        id="paper2_ranking",
        place="Text of Figure 5",
        text="TCNet's DI is said to beat CA-Net's and DeepLabv3+'s, whose own figures on ISIC 2018 are higher.",
        inputs={"DI": "paper2_figure5/TCNet/DI", "CA-Net": "92.08", "DeepLabv3+": "92.21"},
        source="CA-Net, arXiv 2009.10549, for the first; DeepLabv3+'s published row on the same data for the second",
    ),
    Contradiction(
        id="paper2_data_counts",
        place="Table 2 and the text around it",
        text="The counts are not those of the publishers, PH2 is BMP and not JPEG, and the text's count of ISIC "
        "2018 is the sum of the table's two parts and not the data set's.",
        inputs={
            "ISIC 2017, training": "paper2_table2/ISIC 2017/Training",
            "ISIC 2017, validation": "paper2_table2/ISIC 2017/Validation",
            "PH2": "paper2_table2/PH2/Testing",
            "PH2, format": "paper2_table2/PH2/Format",
            "ISIC 2018, training": "paper2_table2/ISIC 2018/Training",
            "ISIC 2018, validation": "paper2_table2/ISIC 2018/Validation",
            "ISIC 2018, text": "2500",
        },
        source="the publishers' counts in the same table",
    ),
    Contradiction(
        id="paper2_cross_validation",
        place="Table 2 and the text of Figure 5",
        text="Cross-validation on ISIC 2018 is announced, and one split is given. Neither ISIC set has a held-out "
        "test part.",
        inputs={
            "training": "paper2_table2/ISIC 2018/Training",
            "validation": "paper2_table2/ISIC 2018/Validation",
            "testing": "paper2_table2/ISIC 2018/Testing",
        },
    ),
    Contradiction(
        id="paper2_data_not_listed",
        place="Table 2 against Table 3",
        text="DRIVE and CHASEDB are used and are not in the table of data sets; no split is given for either.",
        inputs={"CHASEDB, images": "28", "CHASEDB, children": "14"},
    ),
    Contradiction(
        id="paper2_untrained_methods",
        place="Text of Figure 4",
        text="SSLS and ISL-MSCA are said to be trained on ISIC 2017: both are methods without training.",
        source="doi 10.1109/embc.2015.7319025; doi 10.1109/ISBI.2016.7493448",
    ),
    Contradiction(
        id="paper2_machine",
        place="Table 1",
        text="A TITAN Xp has 12 GB, half of what is printed, and Intel made no processor of that name.",
        inputs={
            "card": "paper2_table1/Graphics card/value",
            "processor": "paper2_table1/Central processor/value",
        },
        source="the makers' product lists",
    ),
    Contradiction(
        id="paper2_iterations",
        place="Recipe against the text of Figure 2",
        text='What 1000 and 2500 "times" of training count is not said: as steps they are a part of the epochs of the '
        "recipe, as epochs many times them.",
        inputs={
            "epochs": "paper2_table3/recipe/epochs",
            "times to the loss": "paper2_four_output_curve/step",
            "times to flat": "paper2_four_output_curve/flat_from",
        },
    ),
    Contradiction(
        id="paper2_place_of_mfm",
        place="Text of Table 3 against the conclusion",
        text="The fusion module is in the decoder in one place and in the encoder in the other.",
    ),
    Contradiction(
        id="paper2_loss_is_lambda",
        place="Conclusion",
        text='"The best performance when the loss function is 0.5": its parameter is meant, and the data is not named.',
        inputs={"lambda": "paper2_table3/recipe/alpha"},
    ),
    Contradiction(
        id="paper2_places_of_attention",
        place="Text of Figures 2 and 3",
        text="The text lists the basic units of encoder and decoder, the cross-layer connection and up-sampling as the "
        "places of the attention module; the figures compare all-convolution, single-output and four-output.",
    ),
)
